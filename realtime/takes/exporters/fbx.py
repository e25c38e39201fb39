"""FBX, made by the user's Blender of what `gltf` writes: the same head, a key at every frame of the clip's rate."""

from __future__ import annotations

import tempfile
from importlib.resources import as_file, files
from math import ceil
from pathlib import Path

from facemodel import LimelightError
from realtime.blender.program import find_blender, run_in_blender
from realtime.takes.clip import Clip
from realtime.takes.exporters import gltf
from realtime.takes.scene.motion import ClipInfo

extension = ".fbx"


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`."""
    try:
        find_blender()
    except LimelightError as error:
        raise LimelightError(f"FBX {error}") from error
    with tempfile.TemporaryDirectory(prefix="limelight-") as folder:
        whole = Path(folder) / "take.glb"
        fps = ClipInfo.of(clip).fps
        gltf.write_scene(clip, whole, slower=fps / ceil(fps))  # Blender imports at whole numbers of frames a second
        path.unlink(missing_ok=True)
        with as_file(files("realtime.blender") / "to_fbx.py") as script:
            run_in_blender(script, whole, path, str(fps))
    if not path.is_file():
        raise LimelightError("Blender wrote no FBX file")
