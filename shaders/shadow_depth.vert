#version 330 core
// The head as a lamp sees it, into that lamp's tile.
uniform mat3 turn;    // from model space, the lamp along +z
uniform vec4 lamp;    // as shadow_lamp of lamp_shadow.glsl
uniform float reach;  // mm, half the depth of the map

in vec3 in_position;  // mm, model space

void main() {
    vec3 p = turn * in_position;
    float w = 1.0 - p.z * lamp.x;
    gl_Position = vec4(p.xy / lamp.w, -p.z / reach * w, w);
}
