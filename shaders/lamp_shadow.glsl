// How much of a lamp the head hides, from a depth map of the head as the lamp sees it.
uniform sampler2D depths;        // a tile a lamp, TILES_ACROSS in a row; 0: nearest to the lamp
uniform int tile;                // side of a tile, texels
uniform vec2 shadow_taps[16];    // unit vectors that are spread evenly, the first 8 too
uniform mat3 shadow_turn[8];     // of each lamp: from model space, the lamp along +z
uniform vec4 shadow_lamp[8];     // 1 / distance in mm, or 0; tangent of its angular radius; darkness; half a tile in mm
uniform float shadow_reach;      // mm, half the depth of a map

const int TILES_ACROSS = 4;
const float FARTHEST = 90.0;     // mm, of a blocker that is searched as widely as the lamp is large
const float NARROWEST = 3.5;     // mm, penumbrae are no narrower: the mesh could not show them
const float THICKNESS = 1.0;     // mm, what stands out less from the surface hides nothing of the lamp

// From p, a point of the lamp's frame, to the point of the head that the lamp sees at an offset, mm, in its plane.
vec3 toward_blocker(int i, vec3 p, vec2 place) {
    float extent = shadow_lamp[i].w;
    ivec2 texel = clamp(ivec2((place / extent * 0.5 + 0.5) * float(tile)), ivec2(0), ivec2(tile - 1));
    texel += tile * ivec2(i % TILES_ACROSS, i / TILES_ACROSS);
    float z = shadow_reach * (1.0 - 2.0 * texelFetch(depths, texel, 0).r);
    return vec3(place * (1.0 - z * shadow_lamp[i].x), z) - p;
}

// Part of lamp i that is hidden from a point with a normal, both in model space: first how far what hides it stands in
// front (percentage-closer soft shadows, Fernando 2005), then how much of a kernel of that penumbra's width is hidden.
// Nothing below the tangent plane hides anything, so that a convex surface throws no shadow on itself.
float hidden_part(int i, vec3 position, vec3 normal) {
    vec3 p = shadow_turn[i] * position, n = shadow_turn[i] * normal;
    float w = 1.0 - p.z * shadow_lamp[i].x, spread = shadow_lamp[i].y;
    vec2 place = p.xy / w;
    float widest = max(FARTHEST * spread, NARROWEST);
    float height = 0.0, found = 0.0;
    for (int k = 0; k < 8; ++k) {
        float aside = widest * (float(k) + 0.5) / 8.0;
        vec3 b = toward_blocker(i, p, place + aside * shadow_taps[k]);
        float blocks = b.z > THICKNESS && dot(n, b) > THICKNESS && aside < b.z * spread + NARROWEST ? 1.0 : 0.0;
        height += blocks * b.z;
        found += blocks;
    }
    if (found == 0.0) return 0.0;
    float kernel = clamp(height / found * spread / (w * w), NARROWEST, widest);
    float hidden = 0.0;
    for (int k = 0; k < 16; ++k) {
        vec3 b = toward_blocker(i, p, place + kernel * sqrt((float(k) + 0.5) / 16.0) * shadow_taps[k]);
        hidden += step(THICKNESS, b.z) * clamp(dot(n, b) - THICKNESS, 0.0, 1.0);
    }
    return hidden / 16.0;
}
