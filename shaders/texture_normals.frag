#version 330 core
// The area-weighted unit normal of one vertex a fragment, as realtime/render/geometry.py.
#include "texels.glsl"

uniform sampler2D positions;
uniform sampler2D fans;     // of each vertex: its first corner, and how many there are
uniform sampler2D corners;  // of each triangle's corner: the two vertices that follow in the triangle

out vec4 normal;

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    vec3 a = texelFetch(positions, place, 0).xyz;
    ivec2 fan = ivec2(texelFetch(fans, place, 0).xy);
    vec3 sum = vec3(0.0);
    for (int i = fan.x; i < fan.x + fan.y; ++i) {
        ivec2 others = ivec2(texelFetch(corners, texel_of(corners, i), 0).xy);
        vec3 b = texelFetch(positions, texel_of(positions, others.x), 0).xyz;
        vec3 c = texelFetch(positions, texel_of(positions, others.y), 0).xyz;
        sum += cross(b - a, c - a);
    }
    normal = vec4(sum / max(length(sum), 1e-12), 0.0);
}
