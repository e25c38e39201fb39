// Relighting by the ratio of two lights, as facemodel/relighting.py: linear RGB, ratios in logarithms.
const float KNEE = 0.91629073, BRIGHTEST = 1.38629436, DARKEST = -6.0;
const float HAIR = 0.75, HIGHEST_GLOSS = 0.25, WHITE = 0.95;

float luminance(vec3 linear) {
    return dot(linear, vec3(0.2126, 0.7152, 0.0722));
}

vec3 log_ratio(vec3 new_light, vec3 old_light, vec3 least) {
    vec3 share = max(1.0 - old_light / max(least, 1e-6), 0.0);
    vec3 lacking = max(max(share.r, share.g), share.b) * least;
    vec3 value = log(max(new_light + lacking, 1e-6) / max(old_light + lacking, 1e-6));
    const float room = BRIGHTEST - KNEE;
    vec3 bent = KNEE + room * tanh(max(value - KNEE, 0.0) / room);
    return max(mix(value, bent, greaterThan(value, vec3(KNEE))), DARKEST);
}

vec3 on_hair(vec3 value, vec3 mean) {
    vec3 differs = value - mean;
    return mean + HAIR * mix(vec3(differs.r + differs.g + differs.b) / 3.0, differs, 0.75);
}

vec3 bent_gloss(vec3 gloss) {
    return HIGHEST_GLOSS * (1.0 - exp(-gloss / HIGHEST_GLOSS));
}

vec3 added_light(
    vec3 albedo, float bare, vec3 new_light, vec3 old_light, vec3 ratio, vec3 new_gloss, vec3 old_gloss, vec3 seen
) {
    float alike = min((luminance(seen) + 0.02) / (luminance(albedo * old_light) + 0.02), 1.0);
    vec3 filled = bare * alike * albedo * (new_light - ratio * old_light);
    vec3 gone = bent_gloss(old_gloss);
    vec3 change = bent_gloss(new_gloss) - ratio * gone;
    vec3 there = clamp((seen - albedo * old_light) / max(gone, 1e-4), 0.0, 1.0);
    return filled + max(change, 0.0) + there * min(change, 0.0);
}

vec3 relit(vec3 seen, vec3 ratio, vec3 added, vec3 encoded) {
    float white = clamp((max(max(encoded.r, encoded.g), encoded.b) - WHITE) / (1.0 - WHITE), 0.0, 1.0);
    return seen * (ratio - white * max(ratio - 1.0, 0.0)) + added;
}
