#version 330 core
// Rectangles of the frame, where it lies in the view.
uniform bool mirror;

in vec4 in_rectangle;  // left, bottom, right, top as parts of the frame

out vec2 place;        // (0, 0) bottom left of the frame to (1, 1) top right

void main() {
    place = mix(in_rectangle.xy, in_rectangle.zw, vec2(gl_VertexID % 2, gl_VertexID / 2));
    gl_Position = vec4(2.0 * (mirror ? 1.0 - place.x : place.x) - 1.0, 2.0 * place.y - 1.0, 0.0, 1.0);
}
