// sRGB (IEC 61966-2-1) to linear light; the one place where colour is decoded. See facemodel/color.py.
vec3 decode_srgb(vec3 encoded) {
    return mix(pow((encoded + 0.055) / 1.055, vec3(2.4)), encoded / 12.92, lessThanEqual(encoded, vec3(0.04045)));
}
