#version 330 core
// One triangle over the whole viewport.
uniform bool mirror;

out vec2 place;  // (0, 0) bottom left to (1, 1) top right; left and right swapped in a mirror

void main() {
    vec2 corner = vec2(gl_VertexID == 1 ? 2.0 : 0.0, gl_VertexID == 2 ? 2.0 : 0.0);
    place = vec2(mirror ? 1.0 - corner.x : corner.x, corner.y);
    gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}
