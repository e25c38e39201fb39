#version 330 core
// One layer of strands in linear light, with premultiplied alpha.

uniform sampler2D strands;  // r: how much a place covers; g: how bright it is, 0.5 on average

in vec2 uv;
in vec3 lit;
in vec3 highlight;

out vec4 color;

void main() {
    vec2 strand = texture(strands, uv).rg;
    if (strand.r < 0.06) discard;
    float bright = 2.0 * strand.g;
    color = vec4(bright * (lit + bright * highlight) * strand.r, strand.r);
}
