#version 330 core
// Poses the head for relighting, and says which parts of it are no bare skin.
#include "weak_perspective.glsl"

uniform mat3 rotation;
uniform vec2 translation;  // px
uniform float scale;       // px/mm
uniform vec2 frame_size;   // px
uniform float radius;      // mm, no vertex is farther from the head centre

in vec3 in_position;       // mm, model space
in vec3 in_normal;
in vec3 in_diffuse;        // linear RGB albedo, times occlusion
in vec3 in_specular;
in float in_alpha;         // 1 in the face, 0 from its border on
#ifdef LAMPS
in vec4 in_lit_a;          // what of each lamp's light the head does not hide
#if LAMPS > 4
in vec4 in_lit_b;
#endif
#endif
in vec3 in_parts;          // 1 in eyes and mouth, on the scalp, on eyeballs

out vec3 position;         // mm, camera-aligned
out vec3 normal;
out vec3 diffuse_albedo;
out vec3 specular_albedo;
out float face;            // 1 on skin of the face
out vec3 parts;
#ifdef LAMPS
out vec4 lit_a;
#if LAMPS > 4
out vec4 lit_b;
#endif
#endif

void main() {
    position = rotation * in_position;
    normal = rotation * in_normal;
    diffuse_albedo = in_diffuse;
    specular_albedo = in_specular;
    parts = in_parts;
#ifdef LAMPS
    lit_a = in_lit_a;
#if LAMPS > 4
    lit_b = in_lit_b;
#endif
#endif
    face = in_alpha * (1.0 - in_parts.x);
    gl_Position = weak_perspective(position, translation, scale, frame_size, radius);
}
