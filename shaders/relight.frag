#version 330 core
// The frame in the new light; decoded and encoded once.
#include "srgb.glsl"
#include "srgb_decoding.glsl"
#include "relighting.glsl"
#include "person_matte.glsl"

uniform sampler2D frame;       // row 0 is the top of the picture
uniform sampler2D value;       // ratio of the lights; weight of the head
uniform sampler2D added;       // linear light
uniform sampler2D lines;       // slope and offset from luma to the matte; row 0 is the top
uniform bool has_matte;
uniform bool missed;           // the matte does not see every head
uniform vec3 background;       // factor on it
uniform vec4 backdrop;         // linear RGB that replaces it, by the weight in a

in vec2 place;
out vec4 color;

void main() {
    vec2 down = vec2(place.x, 1.0 - place.y);
    vec3 encoded = texture(frame, down).rgb;
    vec4 change = texture(value, place);
    float person = change.a;
    if (has_matte) {
        person = person_matte(texture(lines, down).rg, encoded);
        if (missed) person = max(person, change.a);
    }
    vec3 seen = decode_srgb(encoded);
    vec3 behind = mix(seen * background, backdrop.rgb, backdrop.a);
    // Steeper, so that nothing of a soft edge spills; light even less than shade.
    float less = luminance(change.rgb) > 1.0 ? 0.6 : 0.1;
    float edge = backdrop.a > 0.0 ? person : clamp(1.6 * person - less, 0.0, 1.0);
    vec3 shown = relit(seen, change.rgb, texture(added, place).rgb, encoded);
    color = vec4(encode_srgb(mix(behind, shown, edge)), 1.0);
}
