#version 330 core
// The person matte of a frame.
#include "person_matte.glsl"

uniform sampler2D frame;  // row 0 is the top of the picture
uniform sampler2D lines;  // slope and offset from luma to the matte; row 0 is the top

in vec2 place;
out vec4 color;

void main() {
    vec2 down = vec2(place.x, 1.0 - place.y);
    color = vec4(person_matte(texture(lines, down).rg, texture(frame, down).rgb));
}
