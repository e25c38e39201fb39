// Linear light to sRGB (IEC 61966-2-1); the one place where colour is encoded. See facemodel/color.py.
vec3 encode_srgb(vec3 linear) {
    vec3 c = clamp(linear, 0.0, 1.0);
    return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, 12.92 * c, lessThanEqual(c, vec3(0.0031308)));
}
