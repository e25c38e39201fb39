// Lamps beside SH light and key light, as facemodel/lighting.py: round, with a soft terminator and a widened highlight.
const int MAX_LAMPS = 8;
uniform int lamp_count;
uniform vec4 lamp_place[MAX_LAMPS];      // mm from the head centre; w: 1, or 0 where it stands at infinity
uniform vec4 lamp_diffuse[MAX_LAMPS];    // linear RGB of irradiance / pi at the head centre; w: sine of its radius
uniform vec4 lamp_highlight[MAX_LAMPS];  // linear RGB times the height of the lobe; w: its exponent
uniform vec2 lamp_edge[MAX_LAMPS];       // cosines between which its cone fades, outer and inner

// Light of lamp i at a point, 1 at the head centre, and the direction to it.
float lamp_falloff(int i, vec3 position, out vec3 toward) {
    vec3 place = lamp_place[i].xyz;
    vec3 way = place - lamp_place[i].w * position;
    float near = dot(way, way), far = dot(place, place);
    toward = way * inversesqrt(near);
    return far / near * smoothstep(lamp_edge[i].x, lamp_edge[i].y, dot(toward, place) * inversesqrt(far));
}

float soft_cosine(float cosine, float sine) {
    float t = clamp(cosine / sine, -1.0, 1.0), u = t * t;
    return sine * (0.5 * t + 0.21220659 + u * (0.32558682 - 0.03779341 * u)) + max(cosine - sine, 0.0);
}

float risen_part(float cosine, float sine) {
    float t = clamp(cosine / sine, -1.0, 1.0);
    return 0.5 + t * (0.65117364 - 0.15117364 * t * t);
}

float lamp_lobe(int i, vec3 n, vec3 toward) {
    vec3 h = toward + vec3(0.0, 0.0, 1.0);
    h /= max(length(h), 1e-6);
    return pow(max(dot(n, h), 0.0), lamp_highlight[i].w);
}
