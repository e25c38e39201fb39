#version 330 core
// Gives every fragment its distance in pixels to two edges of its triangle. The longest edge is left out: on a
// mesh of halved quads it is the diagonal.
layout(triangles) in;
layout(triangle_strip, max_vertices = 3) out;

uniform vec2 layer_size;  // px

in vec3 position[];
in vec3 normal[];
in float face_alpha[];

out vec3 edge_distance;
out vec3 wire_normal;
out float wire_alpha;

void main() {
    vec2 p[3];
    for (int i = 0; i < 3; ++i)
        p[i] = 0.5 * layer_size * gl_in[i].gl_Position.xy;
    float area = abs((p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[1].y - p[0].y) * (p[2].x - p[0].x));
    vec3 length_opposite = vec3(
        distance(position[1], position[2]), distance(position[2], position[0]), distance(position[0], position[1]));
    float longest = max(length_opposite.x, max(length_opposite.y, length_opposite.z));
    vec3 hidden = 1e4 * vec3(greaterThanEqual(length_opposite, vec3(longest)));
    for (int i = 0; i < 3; ++i) {
        float opposite = max(distance(p[(i + 1) % 3], p[(i + 2) % 3]), 1e-4);
        edge_distance = hidden;
        edge_distance[i] += area / opposite;
        wire_normal = normal[i];
        wire_alpha = face_alpha[i];
        gl_Position = gl_in[i].gl_Position;
        EmitVertex();
    }
    EndPrimitive();
}
