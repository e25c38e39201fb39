#version 330 core
// face.vert and wireframe.geom for a head whose vertices lie in textures, three vertices of their own a triangle.
#include "weak_perspective.glsl"
#include "edge_distances.glsl"
#include "texels.glsl"

uniform mat3 rotation;
uniform vec2 translation;  // px
uniform float scale;       // px/mm
uniform vec2 frame_size;   // px
uniform float radius;      // mm
uniform vec2 layer_size;   // px
uniform sampler2D positions;  // mm, model space
uniform sampler2D normals;

in vec3 triangle;  // its three vertices

out vec3 edge_distance;
out vec3 wire_normal;
out float wire_alpha;

void main() {
    vec3 q[3];
    vec2 p[3];
    vec4 projected[3];
    for (int i = 0; i < 3; ++i) {
        q[i] = rotation * texelFetch(positions, texel_of(positions, int(triangle[i])), 0).xyz;
        projected[i] = weak_perspective(q[i], translation, scale, frame_size, radius);
        p[i] = 0.5 * layer_size * projected[i].xy;
    }
    int corner = gl_VertexID % 3;
    edge_distance = edge_distances(p, q, corner);
    wire_normal = rotation * texelFetch(normals, texel_of(normals, int(triangle[corner])), 0).xyz;
    wire_alpha = 1.0;
    gl_Position = projected[corner];
}
