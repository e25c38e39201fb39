// The shaded head, c = c_d + c_s (Eq. 4 and 5), and the light of so many LAMPS: linear RGB, with premultiplied alpha.
#include "spherical_harmonics.glsl"
#include "blinn_phong.glsl"
#ifdef LAMPS
#include "lamps.glsl"
#endif

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
#ifdef LAMPS
in vec4 lit_a;  // what of each lamp's light the head does not hide
#if LAMPS > 4
in vec4 lit_b;
#define LIT(i) (i < 4 ? lit_a[i] : lit_b[i - 4])
#else
#define LIT(i) lit_a[i]
#endif
#endif

vec4 shaded_face() {
    vec3 n = normalize(normal);
    vec3 t_d = mix(diffuse_albedo, clay.rgb * occlusion, clay.a);
    vec3 t_s = mix(specular_albedo, vec3(0.1) * occlusion, clay.a);
    vec3 diffuse = sh_irradiance(n, sh);
    vec3 specular = key_color * blinn_phong(position, n, key_position, shininess);
#ifdef LAMPS
    for (int i = 0; i < LAMPS; ++i) {
        vec3 toward;
        float light = lamp_falloff(i, position, toward) * LIT(i);
        float cosine = dot(n, toward);
        diffuse += light * lamp_irradiance(i, cosine) * lamp_diffuse[i].rgb;
        specular += light * lamp_lobe(i, n, toward, cosine) * lamp_highlight[i].rgb;
    }
#endif
    float alpha = mix(1.0, min(steepness * face_alpha, 1.0), fade);
    return vec4((terms.x * t_d * diffuse + terms.y * t_s * specular) * alpha, alpha);
}
