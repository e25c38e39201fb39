#version 330 core
// face.frag for a picture that is shown as it is drawn, encoded to sRGB.
#include "srgb.glsl"
#include "face.glsl"

out vec4 color;

void main() {
    vec4 face = shaded_face();
    color = vec4(encode_srgb(face.rgb / max(face.a, 1e-6)) * face.a, face.a);
}
