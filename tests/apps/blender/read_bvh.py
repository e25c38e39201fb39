"""Runs inside Blender: imports a BVH file, as Blender does by default, and says how its bones stand at some frames.

Usage: read_bvh.py FILE OUT.npz FRAME...
"""

import sys

import bpy
import numpy as np

Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # Blender's z is up, its -y to us


def main(path, out, frames):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_end = 1
    assert bpy.ops.import_anim.bvh(filepath=path, update_scene_fps=True, update_scene_duration=True) == {"FINISHED"}
    (armature,) = (one for one in bpy.data.objects if one.type == "ARMATURE")
    found = {name: [] for name in ("Head", "LeftEye", "RightEye")}
    places = {name: [] for name in found}
    for frame in frames:
        scene.frame_set(frame)
        bpy.context.view_layer.update()
        for name, turns in found.items():
            bone = armature.pose.bones[name]
            moved = armature.matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted()
            turns.append(Y_UP @ np.array(moved.to_3x3()) @ Y_UP.T)
            places[name].append(Y_UP @ np.array(armature.matrix_world @ bone.head))
    facts = {"fps": scene.render.fps / scene.render.fps_base, "last": scene.frame_end}
    np.savez(out, **found, **{f"{name}_place": place for name, place in places.items()}, **facts)


main(sys.argv[1], sys.argv[2], [int(frame) for frame in sys.argv[3:]])
