#version 330 core
// Joins what the head's surface makes with what was carried outwards.
uniform sampler2D ratio;       // of the head: log ratio times weight, weight
uniform sampler2D addition;    // of the head: light times weight, weight
uniform sampler2D filled;      // log ratio everywhere; strangeness of the frame
uniform sampler2D evenness;    // log of what the frame is brighter by than the old light makes it
uniform float strength;
uniform float even;

in vec2 place;
layout(location = 0) out vec4 value;  // ratio of the lights; weight of the head
layout(location = 1) out vec4 added;  // linear light

void main() {
    vec4 head = texture(ratio, place);
    vec4 around = texture(filled, place);
    float own = 1.0 - around.a;  // where something else is in front of the head, its details count less
    vec3 joined = mix(around.rgb, head.rgb / max(head.a, 1e-4), own * head.a);
    value = vec4(exp(strength * (joined - even * texture(evenness, place).r)), head.a);
    added = vec4(strength * own * texture(addition, place).rgb, 1.0);
}
