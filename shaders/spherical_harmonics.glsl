// Diffuse light, Eq. 4, as facemodel/lighting.py: coefficients are irradiance / pi, in the order
// Y00, Y1-1 (y), Y10 (z), Y11 (x), Y2-2 (xy), Y2-1 (yz), Y20, Y21 (xz), Y22; n is a unit normal.
vec3 sh_irradiance(vec3 n, vec3 sh[9]) {
    vec3 light = 0.28209479 * sh[0]
        + 0.48860251 * (n.y * sh[1] + n.z * sh[2] + n.x * sh[3])
        + 1.09254843 * (n.x * n.y * sh[4] + n.y * n.z * sh[5] + n.x * n.z * sh[7])
        + 0.31539157 * (3.0 * n.z * n.z - 1.0) * sh[6]
        + 0.54627422 * (n.x * n.x - n.y * n.y) * sh[8];
    return max(light, 0.0);
}
