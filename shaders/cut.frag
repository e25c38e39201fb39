#version 330 core
// A picture with alpha: what is not covered is transparent and black.
uniform sampler2D picture;
uniform sampler2D coverage;   // in a
uniform bool multiplied;      // the picture is, by its coverage: it was drawn over black
uniform bool premultiplied;   // what is wanted

in vec2 place;
out vec4 color;

void main() {
    float alpha = texture(coverage, place).a;
    vec3 rgb = texture(picture, place).rgb;
    if (multiplied && alpha > 0.0) rgb = min(rgb / alpha, 1.0);
    color = vec4(premultiplied ? rgb * alpha : alpha > 0.0 ? rgb : vec3(0.0), alpha);
}
