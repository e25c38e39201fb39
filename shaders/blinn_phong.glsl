// Key light, Eq. 5, as facemodel/lighting.py: max(0, n.h)^shininess, zero where n.l <= 0; the weak-perspective
// camera sees every point along +z.
float blinn_phong(vec3 position, vec3 n, vec3 key_position, float shininess) {
    vec3 l = normalize(key_position - position);
    vec3 h = l + vec3(0.0, 0.0, 1.0);
    h /= max(length(h), 1e-6);
    float lobe = pow(max(dot(n, h), 0.0), shininess);
    return dot(n, l) > 0.0 ? lobe : 0.0;
}
