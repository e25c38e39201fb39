#version 330 core
// The face layer, premultiplied, encoded to sRGB and to be blended over what is there.
#include "srgb.glsl"
uniform sampler2D layer;         // row 0 is the bottom
uniform bool linear;             // what the layer holds; otherwise sRGB already
uniform float opacity;
uniform bool smooth_silhouette;  // tent filter where coverage changes, for a layer without multisampling

in vec2 place;
out vec4 color;

void main() {
    ivec2 size = textureSize(layer, 0);
    vec4 face = texelFetch(layer, ivec2(place * vec2(size)), 0);
    if (smooth_silhouette) {
        // Four bilinear taps at half a texel weigh the 3 x 3 neighbours 1-2-1.
        vec2 d = 0.5 / vec2(size);
        vec4 tent = 0.25 * (texture(layer, place + d) + texture(layer, place - d)
            + texture(layer, place + vec2(d.x, -d.y)) + texture(layer, place + vec2(-d.x, d.y)));
        face = abs(tent.a - face.a) > 0.5 / 255.0 ? tent : face;
    }
    if (face.a <= 0.0) discard;
    color = opacity * vec4(linear ? encode_srgb(face.rgb / face.a) * face.a : face.rgb, face.a);
}
