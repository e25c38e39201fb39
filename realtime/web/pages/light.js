// The light on a face: its own as it was seen, or an environment, turned and dimmed by the page's controls.
// A light is {sh: [[r, g, b] x 9], key_position: [x, y, z] mm, key_color: [r, g, b]}; matrices are arrays of three rows.

const [C2, C20, C22] = [1.0925484305920792, 0.31539156525252005, 0.5462742152960396];

export const apply = (m, [x, y, z]) => m.map(([a, b, c]) => a * x + b * y + c * z);

export const transposed = (m) => m[0].map((_, i) => m.map((row) => row[i]));

export const multiply = (a, b) => a.map((row) => apply(transposed(b), row));

/** Rotation about the vertical axis; what is in front goes to image right. */
export function yawRotation(angle) {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [[c, 0, s], [0, 1, 0], [-s, 0, c]];
}

/** Rotation from its first two columns, orthonormalised; as facemodel/rotation.py. */
export function rotationFrom6d(values) {
    const unit = (v) => { const n = Math.hypot(...v) || 1; return v.map((e) => e / n); };
    const a = unit([values[0], values[1], values[2]]);
    const second = [values[3], values[4], values[5]];
    const along = a[0] * second[0] + a[1] * second[1] + a[2] * second[2];
    const b = unit(second.map((e, i) => e - along * a[i]));
    const c = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    return [0, 1, 2].map((i) => [a[i], b[i], c[i]]);
}

/** SH light turned: band 1 is a vector, band 2 a symmetric matrix without a trace; see facemodel/lighting.py. */
export function rotateSh(m, sh) {
    const out = sh.map((row) => [...row]);
    for (let k = 0; k < 3; ++k) {
        [out[3][k], out[1][k], out[2][k]] = apply(m, [sh[3][k], sh[1][k], sh[2][k]]);
        const [xy, yz, xz] = [4, 5, 7].map((i) => 0.5 * C2 * sh[i][k]);
        const [z, x] = [C20 * sh[6][k], C22 * sh[8][k]];
        const turned = multiply(multiply(m, [[x - z, xy, xz], [xy, -x - z, yz], [xz, yz, 2 * z]]), transposed(m));
        out[4][k] = 2 * turned[0][1] / C2;
        out[5][k] = 2 * turned[1][2] / C2;
        out[7][k] = 2 * turned[0][2] / C2;
        out[6][k] = turned[2][2] / (2 * C20);
        out[8][k] = (turned[0][0] - turned[1][1]) / (2 * C22);
    }
    return out;
}

export function turn(m, light) {
    return { sh: rotateSh(m, light.sh), key_position: apply(m, light.key_position), key_color: light.key_color };
}

/** The light as the controls want it: turn and keySide, keyHeight in degrees (the latter two null: as it is). */
export function adjust(light, { turn: degrees, ambient, key, keySide, keyHeight }) {
    const radians = Math.PI / 180;
    const result = turn(yawRotation(degrees * radians), light);
    if (keySide !== null || keyHeight !== null) {
        const [x, y, z] = result.key_position;
        const distance = Math.hypot(x, y, z);
        const side = keySide === null ? Math.atan2(x, z) : keySide * radians;
        const height = keyHeight === null ? Math.asin(y / Math.max(distance, 1e-6)) : keyHeight * radians;
        result.key_position = [Math.sin(side) * Math.cos(height), Math.sin(height), Math.cos(side) * Math.cos(height)]
            .map((e) => e * distance);
    }
    result.sh = result.sh.map((row) => row.map((e) => e * ambient));
    result.key_color = result.key_color.map((e) => e * key);
    return result;
}
