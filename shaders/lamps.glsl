// Lamps beside SH light and key light, as facemodel/lighting.py: round, with a soft terminator and a widened highlight.
const int MAX_LAMPS = 8;
uniform int lamp_count;                  // those behind it are dark
uniform vec4 lamp_place[MAX_LAMPS];      // mm from the head centre; w: 1, or 0 where it stands at infinity
uniform vec4 lamp_diffuse[MAX_LAMPS];    // linear RGB of irradiance / pi at the head centre; w: sine of its radius
uniform vec4 lamp_highlight[MAX_LAMPS];  // linear RGB times the height of the lobe; w: its exponent
uniform vec4 lamp_reach[MAX_LAMPS];      // slope, 1 / mm, and offset of its cone's edge, 0 and 1 without a cone;
                                         // 1 / sine of its radius; its distance squared, mm^2

// Light of lamp i at a point, 1 at the head centre, and the direction to it.
float lamp_falloff(int i, vec3 position, out vec3 toward) {
    vec3 place = lamp_place[i].xyz;
    vec3 way = place - lamp_place[i].w * position;
    vec4 reach = lamp_reach[i];
    float inverse = inversesqrt(dot(way, way));
    toward = way * inverse;
    float edge = clamp(dot(toward, place) * reach.x + reach.y, 0.0, 1.0);
    return reach.w * inverse * inverse * edge * edge * (3.0 - 2.0 * edge);
}

// Irradiance of lamp i, whose centre stands at this cosine from the normal.
float lamp_irradiance(int i, float cosine) {
    float sine = lamp_diffuse[i].w;
    float t = clamp(cosine * lamp_reach[i].z, -1.0, 1.0), u = t * t;
    return sine * (0.5 * t + 0.21220659 + u * (0.32558682 - 0.03779341 * u)) + max(cosine - sine, 0.0);
}

// Highlight of lamp i: its lobe, and how much of it stands above the horizon. toward + (0, 0, 1) halves light and view.
float lamp_lobe(int i, vec3 n, vec3 toward, float cosine) {
    float t = clamp(cosine * lamp_reach[i].z, -1.0, 1.0);
    float half_cosine = (cosine + n.z) * inversesqrt(max(2.0 + 2.0 * toward.z, 1e-12));
    return (0.5 + t * (0.65117364 - 0.15117364 * t * t)) * pow(max(half_cosine, 0.0), lamp_highlight[i].w);
}
