#version 330 core
// Poses the head and projects it by weak perspective (Eq. 3) into the frame: x right, y down, (0, 0) the outer
// corner of the top-left pixel.
uniform mat3 rotation;
uniform vec2 translation;  // px
uniform float scale;       // px/mm
uniform vec2 frame_size;   // px
uniform float radius;      // mm, no vertex is farther from the head centre

in vec3 in_position;       // mm, model space
in vec3 in_normal;
in vec3 in_diffuse;        // linear RGB albedo
in vec3 in_specular;
in float in_alpha;         // 1 in the face, 0 from its border on

out vec3 position;         // mm, camera-aligned
out vec3 normal;
out vec3 diffuse_albedo;
out vec3 specular_albedo;
out float face_alpha;

void main() {
    position = rotation * in_position;
    normal = rotation * in_normal;
    diffuse_albedo = in_diffuse;
    specular_albedo = in_specular;
    face_alpha = in_alpha;
    vec2 pixel = vec2(scale, -scale) * position.xy + translation;
    vec2 ndc = vec2(2.0, -2.0) * pixel / frame_size + vec2(-1.0, 1.0);
    gl_Position = vec4(ndc, -position.z / radius, 1.0);
}
