#version 330 core
// Poses hair, projects it into the frame and lights its strands as facemodel/hair_shading.py does.
#include "weak_perspective.glsl"
#include "spherical_harmonics.glsl"
#include "lamps.glsl"

uniform mat3 rotation;
uniform vec2 translation;  // px
uniform float scale;       // px/mm
uniform vec2 frame_size;   // px
uniform float radius;      // mm, no vertex is farther from the head centre
uniform vec3 sh[9];
uniform vec3 key_position;  // mm from the head centre
uniform vec3 key_color;     // linear RGB
uniform vec2 terms;         // weight of the diffuse and of the specular term, 0 or 1
uniform vec3 hair_color;    // linear albedo of the strands
uniform float shine;        // strength of the highlight
uniform float sharpness;    // exponent of the highlight
uniform float highlight_shift;

in vec3 in_position;  // mm, model space
in vec3 in_normal;
in vec3 in_tangent;   // along the strands, root to tip
in vec2 in_uv;

out vec2 uv;
out vec3 lit;        // linear RGB in diffuse light
out vec3 highlight;  // linear RGB of highlights

// Highlight of a strand in light from `toward`.
float strand_lobe(vec3 n, vec3 tangent, vec3 toward) {
    vec3 h = toward + vec3(0.0, 0.0, 1.0);
    h /= max(length(h), 1e-6);
    float along = dot(tangent, h);
    float lobe = pow(sqrt(max(1.0 - along * along, 0.0)), sharpness);
    return shine * lobe * clamp(2.0 * dot(n, toward) + 0.3, 0.0, 1.0) * clamp(1.6 * n.z + 0.2, 0.0, 1.0);
}

void main() {
    vec3 position = rotation * in_position;
    vec3 n = rotation * in_normal;
    vec3 tangent = normalize(rotation * in_tangent + highlight_shift * n);
    vec3 diffuse = sh_irradiance(n, sh);
    vec3 specular = strand_lobe(n, tangent, normalize(key_position - position)) * key_color;
    for (int i = 0; i < lamp_count; ++i) {
        vec3 toward;
        float light = lamp_falloff(i, position, toward);
        diffuse += light * lamp_irradiance(i, dot(n, toward)) * lamp_diffuse[i].rgb;
        specular += light * strand_lobe(n, tangent, toward) * lamp_diffuse[i].rgb;
    }
    vec3 tint = 0.5 * hair_color + 0.3 * sqrt(hair_color) + 0.02;
    float shade = 0.6 + 0.4 * in_uv.y;
    uv = in_uv;
    lit = terms.x * shade * hair_color * diffuse;
    highlight = terms.y * shade * tint * specular;
    gl_Position = weak_perspective(position, translation, scale, frame_size, radius);
}
