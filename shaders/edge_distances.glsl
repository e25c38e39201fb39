// Distances in pixels of a triangle's corner i from two of its edges, to be interpolated. The longest edge is left out:
// on a mesh of halved quads it is the diagonal. p are the corners in pixels, q in mm.
vec3 edge_distances(vec2 p[3], vec3 q[3], int i) {
    float area = abs((p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[1].y - p[0].y) * (p[2].x - p[0].x));
    vec3 length_opposite = vec3(distance(q[1], q[2]), distance(q[2], q[0]), distance(q[0], q[1]));
    float longest = max(length_opposite.x, max(length_opposite.y, length_opposite.z));
    vec3 result = 1e4 * vec3(greaterThanEqual(length_opposite, vec3(longest)));
    result[i] += area / max(distance(p[(i + 1) % 3], p[(i + 2) % 3]), 1e-4);
    return result;
}
