// The person matte at full resolution: straight lines from the frame's luma to it (a guided filter's).
float person_matte(vec2 line, vec3 encoded) {
    return clamp(line.x * dot(encoded, vec3(0.299, 0.587, 0.114)) + line.y, 0.0, 1.0);
}
