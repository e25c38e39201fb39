#version 330 core
// What relighting makes of the head, from the frame and both lights: log ratio, added light, and how far the frame is
// what the old light makes of the head.
#include "spherical_harmonics.glsl"
#include "blinn_phong.glsl"
#ifdef LAMPS
#include "lamps.glsl"
#endif
#include "relighting.glsl"
#include "srgb_decoding.glsl"

uniform sampler2D frame;        // row 0 is the top of the picture
uniform vec2 texel;             // of the targets, 1 / size
uniform vec3 sh[9];             // the new light
uniform vec3 key_position;      // mm from the head centre
uniform vec3 key_color;         // linear RGB
uniform float shininess;
uniform vec2 terms;             // factors on the diffuse and on the specular term
uniform vec3 old_sh[9];
uniform vec3 old_key_position;
uniform vec3 old_key_color;
uniform float old_shininess;
uniform vec3 old_least;         // of the old diffuse light, that it is divided by
uniform vec3 mean_ratio;        // log ratio of the face's mean

const float WET = 4.0;  // how much brighter a highlight on an eyeball is, which is as much smaller

in vec3 position;
in vec3 normal;
in vec3 diffuse_albedo;
in vec3 specular_albedo;
in float face;
#ifdef LAMPS
in vec4 lit_a;  // what of each lamp's light the head does not hide
#if LAMPS > 4
in vec4 lit_b;
#define LIT(i) (i < 4 ? lit_a[i] : lit_b[i - 4])
#else
#define LIT(i) lit_a[i]
#endif
#endif
in vec3 parts;  // how far it is eye or mouth, hair, eyeball

layout(location = 0) out vec4 ratio;     // log ratio times weight, weight
layout(location = 1) out vec4 addition;  // added light times weight, weight
layout(location = 2) out vec4 residue;   // log of what the frame is brighter than the head, strangeness; both times weight; -, weight

void main() {
    float inner = parts.x, hair = parts.y, eye = parts.z;
    vec3 n = normalize(normal);
    vec3 diffuse = sh_irradiance(n, sh);
    vec3 specular = (1.0 - inner) * key_color * blinn_phong(position, n, key_position, shininess);
#ifdef LAMPS
    for (int i = 0; i < LAMPS; ++i) {
        vec3 toward;
        float light = lamp_falloff(i, position, toward) * LIT(i);
        float cosine = dot(n, toward);
        diffuse += light * lamp_irradiance(i, cosine) * lamp_diffuse[i].rgb;
        float lobe = lamp_lobe(i, n, toward, cosine);
        specular += light * mix((1.0 - inner) * lobe, WET * pow(lobe, 16.0), eye) * lamp_highlight[i].rgb;
    }
#endif
    diffuse *= terms.x;
    vec3 old_diffuse = sh_irradiance(n, old_sh);
    vec3 old_gloss = (1.0 - inner) * specular_albedo * old_key_color * blinn_phong(position, n, old_key_position, old_shininess);
    vec2 place = gl_FragCoord.xy * texel;
    vec3 seen = decode_srgb(texture(frame, vec2(place.x, 1.0 - place.y)).rgb);

    vec3 value = log_ratio(diffuse, old_diffuse, old_least);
    value = mix(value, on_hair(value, mean_ratio), hair);
    vec3 gloss = terms.y * specular_albedo * specular;
    // What is no bare skin is not as the model has it: no light of the model's albedo there.
    float bare = 1.0 - max(inner, hair);
    vec3 add = added_light(diffuse_albedo, bare, diffuse, old_diffuse, exp(value), gloss, old_gloss, seen);
    float weight = smoothstep(0.0, 0.3, n.z);
    // Eyes, teeth and the mouth take the ratio of the skin around them: they are no matt surface.
    ratio = vec4(value, 1.0) * weight * (1.0 - inner);
    addition = vec4(add * weight * (1.0 - hair), weight);

    float expected = luminance(diffuse_albedo * old_diffuse + old_gloss);
    float brighter = clamp(log(max(luminance(seen), 1e-3) / max(expected, 1e-3)), -2.0, 2.0);
    float trusted = face * weight;
    residue = vec4(brighter * trusted, smoothstep(0.7, 1.4, abs(brighter)) * trusted, 0.0, trusted);
}
