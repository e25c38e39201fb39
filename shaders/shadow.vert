#version 330 core
// How much of each lamp's light reaches a vertex, into a buffer.
#include "lamp_shadow.glsl"

uniform int lamp_count;
uniform vec3 view_direction;  // toward the camera, model space

in vec3 in_position;  // mm, model space
in vec3 in_normal;

out vec4 lit_a;  // of lamps 0 to 3
out vec4 lit_b;  // of lamps 4 to 7

void main() {
    float lit[8] = float[8](1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);
    if (dot(in_normal, view_direction) > -0.3)
        for (int i = 0; i < lamp_count; ++i)
            if (shadow_lamp[i].z > 0.0 && (shadow_turn[i] * in_normal).z > -shadow_lamp[i].y - 0.3)
                lit[i] = 1.0 - shadow_lamp[i].z * hidden_part(i, in_position, in_normal);
    lit_a = vec4(lit[0], lit[1], lit[2], lit[3]);
    lit_b = vec4(lit[4], lit[5], lit[6], lit[7]);
}
