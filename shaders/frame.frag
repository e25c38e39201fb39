#version 330 core
// The camera's frame as it is; it is encoded already.
uniform sampler2D frame;  // row 0 is the top of the picture

in vec2 place;
out vec4 color;

void main() {
    color = vec4(texture(frame, vec2(place.x, 1.0 - place.y)).rgb, 1.0);
}
