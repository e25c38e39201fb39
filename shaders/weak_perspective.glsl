// Weak perspective (Eq. 3) of a posed point, mm, into a frame of pixels: x right, y down, (0, 0) the outer corner of the
// top-left pixel. No vertex is farther from the head centre than radius, mm.
vec4 weak_perspective(vec3 position, vec2 translation, float scale, vec2 frame_size, float radius) {
    vec2 pixel = vec2(scale, -scale) * position.xy + translation;
    vec2 ndc = vec2(2.0, -2.0) * pixel / frame_size + vec2(-1.0, 1.0);
    return vec4(ndc, -position.z / radius, 1.0);
}
