// Where a texture holds the i-th value, row by row.
ivec2 texel_of(sampler2D values, int i) {
    int width = textureSize(values, 0).x;
    return ivec2(i % width, i / width);
}
