#version 330 core
// A quarter of the size on each side, by the mean of 16.
uniform sampler2D ratio;
uniform sampler2D residue;

in vec2 place;
layout(location = 0) out vec4 small_ratio;
layout(location = 1) out vec4 small_residue;

void main() {
    vec2 step = 1.0 / vec2(textureSize(ratio, 0));
    small_ratio = small_residue = vec4(0.0);
    for (int i = 0; i < 4; ++i) {
        vec2 at = place + step * vec2(i % 2 == 0 ? -1.0 : 1.0, i / 2 == 0 ? -1.0 : 1.0);
        small_ratio += 0.25 * texture(ratio, at);
        small_residue += 0.25 * texture(residue, at);
    }
}
