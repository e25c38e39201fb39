#version 330 core
// Antialiased lines along the edges; the transparent inside still hides what lies behind it.
uniform vec3 line_color;  // sRGB
uniform float fade;  // as in face.frag
uniform float steepness;

in vec3 edge_distance;
in vec3 wire_normal;
in float wire_alpha;

out vec4 color;

void main() {
    float nearest = min(edge_distance.x, min(edge_distance.y, edge_distance.z));
    float facing = 0.35 + 0.65 * clamp(normalize(wire_normal).z, 0.0, 1.0);
    float alpha = (1.0 - smoothstep(0.0, 0.8, nearest)) * mix(1.0, min(steepness * wire_alpha, 1.0), fade);
    color = vec4(line_color * facing * alpha, alpha);
}
