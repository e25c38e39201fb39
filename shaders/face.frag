#version 330 core
// Shades the head into a layer of linear light.
#include "face.glsl"

out vec4 color;

void main() {
    color = shaded_face();
}
