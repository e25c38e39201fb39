#version 330 core
// Shades the head, c = c_d + c_s (Eq. 4 and 5), encoded to sRGB, with premultiplied alpha.
#include "srgb.glsl"
#include "spherical_harmonics.glsl"
#include "blinn_phong.glsl"

uniform vec3 sh[9];
uniform vec3 key_position;  // mm from the head centre
uniform vec3 key_color;     // linear RGB
uniform float shininess;
uniform vec2 terms;         // weight of the diffuse and of the specular term, 0 or 1
uniform vec4 clay;          // albedo that replaces the model's before occlusion, by the weight in a
uniform float fade;         // 1: only the face shows, fading out at its border; 0: the whole head does
uniform float steepness;    // of the fade

in vec3 position;
in vec3 normal;
in vec3 diffuse_albedo;
in vec3 specular_albedo;
in float occlusion;
in float face_alpha;

out vec4 color;

void main() {
    vec3 n = normalize(normal);
    vec3 t_d = mix(diffuse_albedo, clay.rgb * occlusion, clay.a);
    vec3 t_s = mix(specular_albedo, vec3(0.1) * occlusion, clay.a);
    vec3 c_d = t_d * sh_irradiance(n, sh);
    vec3 c_s = t_s * key_color * blinn_phong(position, n, key_position, shininess);
    float alpha = mix(1.0, min(steepness * face_alpha, 1.0), fade);
    color = vec4(encode_srgb(terms.x * c_d + terms.y * c_s) * alpha, alpha);
}
