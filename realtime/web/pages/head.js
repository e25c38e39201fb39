// A head on the GPU: shapes and albedo are added up, and normals computed, in textures with a texel a vertex.

import * as three from "./three.js";

const WIDTH = 512; // texels in a row
const FORMATS = { 1: [1, three.RedFormat], 2: [2, three.RGFormat], 3: [4, three.RGBAFormat] };

/** What heads of one face model share. */
export class HeadModel {
    constructor(shaders, model) {
        this.shaders = shaders;
        this.slices = model.slices;
        this.parameters = model.parameters;
        const { mean, triangles } = model.arrays;
        this.rows = Math.ceil(mean.shape[0] / WIDTH);
        this.bounds = boundsOf(mean.values);
        this.textures = {};
        for (const name of ["mean", "diffuse_mean", "specular_mean"])
            this.textures[name] = this._values(model.arrays[name].values, 3, mean.shape[0]);
        this.textures.occlusion = this._values(model.arrays.occlusion.values, 1, mean.shape[0]);
        for (const name of ["identity", "expression", "diffuse_basis", "specular_basis"])
            this.textures[name] = this._basis(model.arrays[name]);
        const [fans, corners] = fansOf(triangles.values, mean.shape[0]);
        this.textures.fans = this._values(fans, 2, mean.shape[0]);
        this.textures.corners = this._values(corners, 2, triangles.values.length);

        this.screen = new three.BufferGeometry(); // a triangle that covers what is drawn into
        this.screen.setAttribute("position", new three.BufferAttribute(new Float32Array(9), 3));
        this.solid = new three.BufferGeometry();
        this.solid.setIndex(new three.BufferAttribute(triangles.values, 1));
        this.wires = new three.BufferGeometry();
        const each = new Float32Array(3 * triangles.values.length); // of each corner: its triangle's vertices
        for (let i = 0; i < each.length; ++i)
            each[i] = triangles.values[3 * Math.floor(i / 9) + i % 3];
        const attribute = new three.BufferAttribute(each, 3);
        this.wires.setAttribute("triangle", attribute);
        this.wires.setAttribute("position", attribute); // which tells three.js how many there are
    }

    dispose() {
        for (const item of [...Object.values(this.textures), this.solid, this.wires, this.screen])
            item.dispose();
    }

    material(vertex, fragment, uniforms) {
        const source = (name) => this.shaders[name].replace(/^#version.*\n/, ""); // three.js writes that line itself
        return new three.RawShaderMaterial({
            glslVersion: three.GLSL3,
            vertexShader: source(vertex),
            fragmentShader: source(fragment),
            blending: three.NoBlending,
            uniforms,
        });
    }

    /** A float texture of `count` values with `size` components each, row by row. */
    _values(values, size, count) {
        const [channels, format] = FORMATS[size];
        const rows = Math.ceil(count / WIDTH);
        const data = new Float32Array(WIDTH * rows * channels);
        for (let i = 0; i < count; ++i)
            for (let k = 0; k < size; ++k)
                data[channels * i + k] = values[size * i + k];
        const texture = new three.DataTexture(data, WIDTH, rows, format, three.FloatType);
        texture.needsUpdate = true;
        return texture;
    }

    /** Bases as layers of float16. */
    _basis({ values, shape: [layers, count] }) {
        const data = new Uint16Array(4 * WIDTH * this.rows * Math.max(layers, 1));
        for (let layer = 0; layer < layers; ++layer) {
            let to = 4 * WIDTH * this.rows * layer;
            for (let from = 3 * count * layer; from < 3 * count * (layer + 1); from += 3, to += 4) {
                data[to] = values[from];
                data[to + 1] = values[from + 1];
                data[to + 2] = values[from + 2];
            }
        }
        const texture = new three.DataArrayTexture(data, WIDTH, this.rows, Math.max(layers, 1));
        texture.format = three.RGBAFormat;
        texture.type = three.HalfFloatType;
        texture.needsUpdate = true;
        return texture;
    }
}

/** One face: its shape and albedo, and the meshes that draw it. */
export class Head {
    constructor(model) {
        this.model = model;
        this.vector = new Float32Array(model.parameters);
        this._fresh = true;
        this._parameters = new three.DataTexture(this.vector, model.parameters, 1, three.RedFormat, three.FloatType);
        this._targets = {};
        for (const name of ["neutral", "positions", "normals", "diffuse", "specular"])
            this._targets[name] = new three.WebGLRenderTarget(WIDTH, model.rows, {
                type: three.FloatType,
                minFilter: three.NearestFilter,
                magFilter: three.NearestFilter,
                depthBuffer: false,
            });
        const texture = (name) => ({ value: this._targets[name].texture });
        const { mean, diffuse_mean, specular_mean, fans, corners } = model.textures;
        this._passes = {
            identity: [
                this._sum("neutral", { value: mean }, "identity", "identity"),
            ],
            albedo: [
                this._sum("diffuse", { value: diffuse_mean }, "diffuse_basis", "albedo"),
                this._sum("specular", { value: specular_mean }, "specular_basis", "albedo"),
            ],
            expression: [
                this._sum("positions", texture("neutral"), "expression", "expression"),
                this._pass("normals", "texture_normals.frag", {
                    positions: texture("positions"), fans: { value: fans }, corners: { value: corners },
                }),
            ],
        };
        const geometry = { positions: texture("positions"), normals: texture("normals") };
        this.pose = {
            rotation: { value: new three.Matrix3() },
            translation: { value: new three.Vector2() },
            scale: { value: 1 },
            frame_size: { value: new three.Vector2(1, 1) },
            radius: { value: 2 * model.bounds.radius },
        };
        this.light = {
            sh: { value: Array.from({ length: 9 }, () => new three.Vector3()) },
            key_position: { value: new three.Vector3() },
            key_color: { value: new three.Vector3() },
            shininess: { value: 20 },
            terms: { value: new three.Vector2(1, 1) },
            clay: { value: [0, 0, 0, 0] },
        };
        this.wire = { layer_size: { value: new three.Vector2(1, 1) }, line_color: { value: new three.Vector3() } };
        const fade = { fade: { value: 0 }, steepness: { value: 1 } };
        const albedo = { diffuse: texture("diffuse"), specular: texture("specular"), openness: { value: model.textures.occlusion } };
        this.solid = this._mesh(model.solid, model.material("texture_face.vert", "texture_face.frag", {
            ...this.pose, ...this.light, ...fade, ...geometry, ...albedo,
        }));
        this.wires = this._mesh(model.wires, model.material("texture_wireframe.vert", "wireframe.frag", {
            ...this.pose, ...this.wire, ...fade, ...geometry,
        }));
    }

    /** Take in parameters (P,), and compute anew what changed. */
    update(renderer, camera, vector) {
        const differs = (group) => {
            const [start, stop] = this.model.slices[group];
            for (let i = start; i < stop; ++i)
                if (vector[i] !== this.vector[i]) return true;
            return this._fresh;
        };
        const changed = { identity: differs("identity"), albedo: differs("albedo"), expression: differs("expression") };
        changed.expression ||= changed.identity;
        this._fresh = false;
        this.vector.set(vector);
        this._parameters.needsUpdate = true;
        for (const [group, passes] of Object.entries(this._passes))
            for (const { scene, target } of changed[group] ? passes : []) {
                renderer.setRenderTarget(target);
                renderer.render(scene, camera);
            }
        renderer.setRenderTarget(null);
    }

    dispose() {
        this._parameters.dispose();
        for (const target of Object.values(this._targets))
            target.dispose();
        for (const { scene } of Object.values(this._passes).flat())
            scene.children[0].material.dispose();
        this.solid.material.dispose();
        this.wires.material.dispose();
    }

    _sum(target, start, basis, group) {
        const [first, stop] = this.model.slices[group];
        return this._pass(target, "texture_sum.frag", {
            start,
            basis: { value: this.model.textures[basis] },
            parameters: { value: this._parameters },
            first: { value: first },
            count: { value: stop - first },
        });
    }

    _pass(target, fragment, uniforms) {
        const material = this.model.material("texture_screen.vert", fragment, uniforms);
        material.depthTest = material.depthWrite = false;
        const scene = new three.Scene();
        scene.add(this._mesh(this.model.screen, material));
        return { scene, target: this._targets[target] };
    }

    _mesh(geometry, material) {
        const mesh = new three.Mesh(geometry, material);
        mesh.frustumCulled = false;
        return mesh;
    }
}

/** {centre: [x, y], size: [w, h], radius} of vertices, mm. */
function boundsOf(points) {
    const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
    let radius = 0;
    for (let i = 0; i < points.length; i += 3) {
        for (const k of [0, 1]) {
            low[k] = Math.min(low[k], points[i + k]);
            high[k] = Math.max(high[k], points[i + k]);
        }
        radius = Math.max(radius, Math.hypot(points[i], points[i + 1], points[i + 2]));
    }
    return { centre: [0, 1].map((k) => 0.5 * (low[k] + high[k])), size: [0, 1].map((k) => high[k] - low[k]), radius };
}

/** The triangles around each vertex: (V, 2) first corner and count, (3T, 2) the two vertices after each corner. */
function fansOf(triangles, count) {
    const fans = new Uint32Array(2 * count);
    for (const vertex of triangles)
        ++fans[2 * vertex + 1];
    for (let v = 1; v < count; ++v)
        fans[2 * v] = fans[2 * v - 2] + fans[2 * v - 1];
    const corners = new Uint32Array(2 * triangles.length);
    const filled = new Uint32Array(count);
    for (let i = 0; i < triangles.length; ++i) {
        const vertex = triangles[i];
        const base = i - i % 3;
        const place = 2 * (fans[2 * vertex] + filled[vertex]++);
        corners[place] = triangles[base + (i + 1) % 3];
        corners[place + 1] = triangles[base + (i + 2) % 3];
    }
    return [fans, corners];
}
