// The picture: the heads of the newest result, seen from where the visitor turned to.

import { Head, HeadModel } from "./head.js";
import { adjust, apply, multiply, rotationFrom6d, turn } from "./light.js";
import * as three from "./three.js";

const DISTANCE = 1000; // mm of the orbiting camera; it sees without perspective
const MIRROR = [[-1, 0, 0], [0, 1, 0], [0, 0, 1]];

export class Stage {
    /**
     * @param canvas that is drawn on.
     * @param setup what the server says of shaders, modes and environments.
     * @param settings read at every picture, see controls.js.
     */
    constructor(canvas, setup, settings) {
        this.canvas = canvas;
        this.setup = setup;
        this.settings = settings;
        this.drawn = 0;
        this._renderer = new three.WebGLRenderer({ canvas, alpha: true, antialias: true, premultipliedAlpha: true });
        if (!this._renderer.getContext().getExtension("EXT_color_buffer_float"))
            throw new Error("this browser's WebGL cannot draw into float textures");
        this._renderer.autoClear = false;
        this._renderer.setClearColor(0x000000, 0);
        this._scene = new three.Scene();
        this._heads = new Map(); // by id of the face
        this._model = null;
        this._frame = null;
        this._waits = false;
        this._camera = new three.OrthographicCamera(-1, 1, 1, -1, 0.1, 2 * DISTANCE);
        this._camera.position.set(0, 0, DISTANCE);
        this._orbit = new three.OrbitControls(this._camera, canvas);
        this._orbit.minZoom = 0.3;
        this._orbit.maxZoom = 12;
        this._orbit.addEventListener("change", () => this.redraw());
        canvas.addEventListener("dblclick", () => this.resetView());
        canvas.addEventListener("webglcontextrestored", () => location.reload()); // a tablet that slept
        new ResizeObserver(() => this.redraw()).observe(canvas);
    }

    resetView() {
        this._orbit.reset();
    }

    setModel(model) {
        this._forget(() => true);
        this._model?.dispose();
        this._model = new HeadModel(this.setup.shaders, model);
        this._frame = null;
    }

    /** Show a result of the model that was set. */
    show(frame) {
        this._frame = frame;
        this.redraw();
    }

    /** Draw when the browser draws next. */
    redraw() {
        if (this._waits) return;
        this._waits = true;
        requestAnimationFrame(() => {
            this._waits = false;
            this._draw();
        });
    }

    _draw() {
        const { canvas, _renderer: renderer } = this;
        renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
        renderer.setSize(Math.max(canvas.clientWidth, 1), Math.max(canvas.clientHeight, 1), false);
        renderer.clear();
        const frame = this._frame;
        if (frame === null) return;
        const alone = this.settings.place === "head";
        const faces = alone ? frame.faces.slice(0, 1) : frame.faces;
        this._forget((id) => !faces.some((face) => face.id === id));
        for (const face of faces) {
            let head = this._heads.get(face.id);
            if (head === undefined)
                this._heads.set(face.id, head = new Head(this._model));
            head.update(renderer, this._camera, face.vector);
            this._pose(head, face, frame, alone);
            this._light(head, face);
            renderer.clearDepth();
            this._scene.add(this.settings.mode === "wireframe" ? head.wires : head.solid);
            renderer.render(this._scene, this._camera);
            this._scene.clear();
        }
        this.drawn = frame.number;
    }

    /** How the world is turned and shifted (mm) for the visitor; in a mirror as a mirrored visitor would. */
    _view() {
        this._camera.updateMatrixWorld();
        const e = this._camera.matrixWorldInverse.elements; // column by column
        const turned = [0, 1, 2].map((i) => [e[i], e[i + 4], e[i + 8]]);
        const shift = [e[12], e[13], 0];
        if (!this.settings.mirror) return [turned, shift];
        return [multiply(multiply(MIRROR, turned), MIRROR), apply(MIRROR, shift)];
    }

    _pose(head, face, frame, alone) {
        const size = this._renderer.getDrawingBufferSize(new three.Vector2());
        const { centre, size: extent } = this._model.bounds;
        let scale, x, y;
        if (alone) { // the head in the middle, as large as fits however it turns
            scale = Math.min(size.x / (1.25 * extent[0]), size.y / (1.15 * extent[1]));
            [x, y] = [0.5 * size.x, 0.5 * size.y + scale * centre[1]];
        } else { // where it is in the picture
            const fit = Math.min(size.x / frame.width, size.y / frame.height);
            const [tx, ty, f] = this._group(face, "translation", "scale");
            scale = fit * f;
            x = 0.5 * size.x + fit * (tx - 0.5 * frame.width);
            y = 0.5 * size.y + fit * (ty - 0.5 * frame.height);
        }
        const [view, shift] = this._view();
        const { zoom } = this._camera;
        const half = [0.5 * size.x, 0.5 * size.y];
        const [right, top] = half.map((pixels) => pixels / scale); // mm, which the orbit shifts by
        Object.assign(this._camera, { left: -right, right, top, bottom: -top });
        const { rotation, translation, scale: pixels, frame_size: frameSize } = head.pose;
        const posed = rotationFrom6d(alone ? face.alone : this._group(face, "rotation"));
        rotation.value.set(...multiply(view, posed).flat());
        translation.value.set(
            half[0] + zoom * (x - half[0] + scale * shift[0]),
            half[1] + zoom * (y - half[1] - scale * shift[1]),
        );
        pixels.value = zoom * scale;
        frameSize.value.copy(size);
        head.wire.layer_size.value.copy(size);
    }

    _light(head, face) {
        const { modes, environments, wire_color } = this.setup;
        const mode = modes[this.settings.mode] ?? { terms: [1, 1], clay: [0, 0, 0, 0], light: null, shininess: null };
        const group = (name) => [...this._group(face, name)];
        let light = mode.light;
        if (light === null) {
            const sh = group("sh");
            const own = {
                sh: Array.from({ length: 9 }, (_, i) => sh.slice(3 * i, 3 * i + 3)),
                key_position: group("key_position"),
                key_color: group("key_color"),
            };
            light = adjust(environments[this.settings.light] ?? own, this.settings);
        }
        light = turn(this._view()[0], light);
        light.sh.forEach((row, i) => head.light.sh.value[i].set(...row));
        head.light.key_position.value.set(...light.key_position);
        head.light.key_color.value.set(...light.key_color);
        head.light.shininess.value = mode.shininess ?? group("shininess")[0];
        head.light.terms.value.set(...mode.terms);
        head.light.clay.value = mode.clay;
        head.wire.line_color.value.set(...wire_color);
    }

    /** The values of a slice of the parameter vector, or from one slice to the end of another. */
    _group(face, first, last = first) {
        const { slices } = this._model;
        return face.vector.subarray(slices[first][0], slices[last][1]);
    }

    _forget(gone) {
        for (const [id, head] of this._heads)
            if (gone(id)) {
                head.dispose();
                this._heads.delete(id);
            }
    }
}
