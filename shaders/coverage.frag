#version 330 core
// How much of each pixel the head covers, in alpha; as face.glsl fades it out.
uniform float fade;       // 1: only the face, fading out at its border; 0: the whole head
uniform float steepness;  // of the fade

in float face_alpha;

out vec4 color;

void main() {
    color = vec4(0.0, 0.0, 0.0, mix(1.0, min(steepness * face_alpha, 1.0), fade));
}
