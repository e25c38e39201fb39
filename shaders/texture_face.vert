#version 330 core
// face.vert for a head whose vertices lie in textures, a texel each.
#include "weak_perspective.glsl"
#include "texels.glsl"

uniform mat3 rotation;
uniform vec2 translation;  // px
uniform float scale;       // px/mm
uniform vec2 frame_size;   // px
uniform float radius;      // mm
uniform sampler2D positions;  // mm, model space
uniform sampler2D normals;
uniform sampler2D diffuse;    // linear RGB albedo, times occlusion
uniform sampler2D specular;
uniform sampler2D openness;   // occlusion, 1: open sky

out vec3 position;  // mm, camera-aligned
out vec3 normal;
out vec3 diffuse_albedo;
out vec3 specular_albedo;
out float occlusion;
out float face_alpha;

void main() {
    ivec2 place = texel_of(positions, gl_VertexID);
    position = rotation * texelFetch(positions, place, 0).xyz;
    normal = rotation * texelFetch(normals, place, 0).xyz;
    diffuse_albedo = max(texelFetch(diffuse, place, 0).rgb, 0.0);
    specular_albedo = max(texelFetch(specular, place, 0).rgb, 0.0);
    occlusion = texelFetch(openness, place, 0).r;
    face_alpha = 1.0;
    gl_Position = weak_perspective(position, translation, scale, frame_size, radius);
}
