#version 330 core
// Carries the log ratio outwards, over hair, ears, neck and shoulders, from the nearest parts of the head; and smooths
// what the frame has more than the old light makes.
uniform sampler2D small_ratio;    // with all its reductions
uniform sampler2D small_residue;
uniform float residue_level;      // of its reductions, that has the details which count as light
uniform int levels;
uniform vec3 away;                // log ratio where there is no head at all

in vec2 place;
layout(location = 0) out vec4 filled;    // log ratio; strangeness of the frame
layout(location = 1) out vec4 evenness;  // r: log of what the frame is brighter by

// A reduction through a cubic B-spline, by four bilinear samples: smooth, where a bilinear one shows its grid.
vec4 smooth_level(sampler2D values, float level) {
    vec2 size = vec2(textureSize(values, int(level)));
    vec2 at = place * size - 0.5, cell = floor(at), f = at - cell;
    vec2 far = f * f * f / 6.0, near = (1.0 - f) * (1.0 - f) * (1.0 - f) / 6.0;
    vec2 middle = (4.0 + f * f * (3.0 * f - 6.0)) / 6.0, next = 1.0 - near - middle - far;
    vec2 low = near + middle, high = next + far;
    vec2 first = (cell - 0.5 + middle / low) / size, second = (cell + 1.5 + far / high) / size;
    return low.y * (low.x * textureLod(values, first, level) + high.x * textureLod(values, vec2(second.x, first.y), level))
        + high.y * (low.x * textureLod(values, vec2(first.x, second.y), level) + high.x * textureLod(values, second, level));
}

void main() {
    vec4 sum = vec4(0.0);
    float share = 1.0;
    for (int level = 1; level < levels; ++level) {
        sum += share * smooth_level(small_ratio, float(level));
        share *= 0.1;
    }
    vec4 residue = smooth_level(small_residue, residue_level);
    float known = residue.a / (residue.a + 0.1);
    vec2 smooth_residue = known * residue.rg / max(residue.a, 1e-4);
    filled = vec4(sum.a > 1e-9 ? sum.rgb / sum.a : away, smooth_residue.g);
    evenness = vec4(clamp(smooth_residue.r, -0.35, 0.35), 0.0, 0.0, 1.0);
}
