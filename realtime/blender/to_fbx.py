"""Runs inside Blender: makes FBX of a take's glTF.

Usage: to_fbx.py -- IN.glb OUT.fbx FPS, where IN.glb is at the next whole number of frames a second, and OUT.fbx at FPS.
"""

import math
import os
import sys


def main(source: str, target: str, fps: float) -> None:
    """Convert; every frame of the scene becomes a key, none is simplified away."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = math.ceil(fps)
    bpy.ops.import_scene.gltf(filepath=source)
    scene.render.fps_base = math.ceil(fps) / fps
    ends = [action.frame_range[1] for action in bpy.data.actions]
    scene.frame_start, scene.frame_end = 0, math.ceil(max(ends) - 1e-3)
    bpy.ops.export_scene.fbx(
        filepath=target,
        object_types={"EMPTY", "CAMERA", "LIGHT", "MESH"},
        mesh_smooth_type="FACE",
        bake_anim=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
        path_mode="COPY",
        embed_textures=True,
    )


if __name__ == "__main__":
    source, target, fps = sys.argv[sys.argv.index("--") + 1 :]
    main(source, target, float(fps))
    sys.stdout.flush()
    os._exit(0)  # Blender as a module may crash as Python takes it down
