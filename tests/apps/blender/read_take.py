"""Runs inside Blender: imports a file and says what is in it at the asked times.

Usage: read_take.py FILE OUT.npz FPS FRAME...
"""

import os
import sys
from pathlib import Path

import bpy
import numpy as np

IMPORTERS = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path, anim_offset=0.0),
    ".bvh": lambda path: bpy.ops.import_anim.bvh(filepath=path),
}
for usd in (".usda", ".usdc", ".usdz"):
    IMPORTERS[usd] = lambda path: bpy.ops.wm.usd_import(filepath=path, set_frame_range=True)


def find(name, of_type):
    """The object of that name and type, or of a parent of that name; importers put suffixes and parents."""
    named = [one for one in bpy.data.objects if one.type == of_type and name in (one.name, one.data.name)]
    return named[0] if named else next(o for o in bpy.data.objects if o.type == of_type and o.parent.name == name)


def world_vertices(thing, depsgraph):
    """(V, 3) of a mesh with its shape keys and modifiers, in the camera's frame; Blender's z is up, its -y to us."""
    evaluated = thing.evaluated_get(depsgraph)
    points = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    x, y, z = (points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]).T
    return np.stack([x, z, -y], axis=1)


def main(path, out, fps, frames):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = round(fps)
    assert IMPORTERS[Path(path).suffix](path) == {"FINISHED"}
    found = {"objects": np.array([f"{one.type} {one.name}" for one in bpy.data.objects])}
    face = find("face", "MESH")
    keys = face.data.shape_keys
    names = [key.name for key in keys.key_blocks[1:]]
    found["names"] = np.array(names)
    found["color_attributes"] = np.array([attribute.name for attribute in face.data.color_attributes])
    weights, vertices, eyes = [], [], []
    for frame in frames:
        scene.frame_set(int(frame), subframe=frame % 1.0)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        values = face.evaluated_get(depsgraph).data.shape_keys.key_blocks
        weights.append([values[name].value for name in names])
        vertices.append(world_vertices(face, depsgraph))
        eyes.append([world_vertices(find(eye, "MESH"), depsgraph) for eye in ("leftEye", "rightEye")])
    np.savez(out, weights=weights, vertices=vertices, eyes=eyes, **found)


main(sys.argv[1], sys.argv[2], float(sys.argv[3]), [float(frame) for frame in sys.argv[4:]])
sys.stdout.flush()
os._exit(0)  # Blender as a module may crash as Python takes it down
