// Reads what the server sends: the face model once, and the faces of every result. docs/view.md describes both.

const ARRAYS = { f4: Float32Array, f2: Uint16Array, u4: Uint32Array };
const FRAME_HEADER = 40;
const FACE_HEADER = 12;
const POSE = 9;

function expectMagic(buffer, magic, header) {
    const found = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(4, buffer.byteLength)));
    if (found !== magic || buffer.byteLength < header)
        throw new Error("not a message of Limelight's");
}

/** The face model: {name, key, parameters, slices, arrays: {name: {values, shape}}}; float16 stays as its bits. */
export function readModel(buffer) {
    expectMagic(buffer, "LLVM", 12);
    const length = new DataView(buffer).getUint32(8, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, length)));
    const arrays = {};
    for (const { name, type, shape, offset } of header.arrays) {
        const count = shape.reduce((product, size) => product * size, 1);
        arrays[name] = { values: new ARRAYS[type](buffer, 12 + length + offset, count), shape };
    }
    return { ...header, arrays };
}

/** A result: {modelKey, number, time, width, height, stalled, faces: [{id, state, confidence, vector, alone}]}. */
export function readFrame(buffer) {
    expectMagic(buffer, "LLVF", FRAME_HEADER);
    const view = new DataView(buffer);
    const count = view.getUint16(6, true);
    const parameters = view.getUint32(32, true);
    const size = FACE_HEADER + 4 * (parameters + POSE);
    if (buffer.byteLength !== FRAME_HEADER + count * size)
        throw new Error("a message of another length");
    const faces = [];
    for (let i = 0; i < count; ++i) {
        const start = FRAME_HEADER + i * size;
        faces.push({
            id: view.getUint32(start, true),
            state: view.getUint32(start + 4, true),
            confidence: view.getFloat32(start + 8, true),
            vector: new Float32Array(buffer, start + FACE_HEADER, parameters),
            alone: new Float32Array(buffer, start + FACE_HEADER + 4 * parameters, POSE),
        });
    }
    return {
        modelKey: view.getUint32(8, true),
        number: view.getUint32(12, true),
        time: view.getFloat64(16, true),
        width: view.getUint32(24, true),
        height: view.getUint32(28, true),
        stalled: (view.getUint32(36, true) & 1) !== 0,
        faces,
    };
}
