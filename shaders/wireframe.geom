#version 330 core
// Gives every fragment its distance in pixels to two edges of its triangle.
#include "edge_distances.glsl"

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
    for (int i = 0; i < 3; ++i) {
        edge_distance = edge_distances(p, vec3[3](position[0], position[1], position[2]), i);
        wire_normal = normal[i];
        wire_alpha = face_alpha[i];
        gl_Position = gl_in[i].gl_Position;
        EmitVertex();
    }
    EndPrimitive();
}
