#version 330 core
// Eq. 1 or 2 for one vertex a fragment: what it is at first, and a basis times coefficients.
uniform sampler2D start;
uniform sampler2DArray basis;  // a layer a coefficient
uniform sampler2D parameters;  // the parameter vector in one row
uniform int first;             // of the coefficients in the vector
uniform int count;

out vec4 value;

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    vec3 sum = texelFetch(start, place, 0).rgb;
    for (int k = 0; k < count; ++k) {
        float coefficient = texelFetch(parameters, ivec2(first + k, 0), 0).r;
        if (coefficient != 0.0)
            sum += coefficient * texelFetch(basis, ivec3(place, k), 0).rgb;
    }
    value = vec4(sum, 1.0);
}
