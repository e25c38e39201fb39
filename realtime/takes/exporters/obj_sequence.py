"""A folder of Wavefront OBJ files, one a frame: the person's head as it moves, for programs that play mesh caches.

NAME_0001.obj and so on, in a folder NAME: mm in the camera's frame (+x image right, +y up, +z toward the camera, which
stands at the origin and sees 60 degrees across), with the albedo as sRGB vertex colours, and UVs. The format has no
word for a missing face: the last pose is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facemodel.color import encode_srgb
from facemodel.obj import ObjWriter
from facemodel.whole_files import whole_file
from realtime.takes.clip import Clip

extension = ""


def files(clip: Clip, path: Path) -> Iterator[Path]:
    """Yield the files of a clip, by its folder."""
    count = len(clip.even)
    digits = max(4, len(str(count)))
    return (path / f"{path.name}_{number:0{digits}d}.obj" for number in range(1, count + 1))


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`; each file is whole."""
    clip = clip.even
    model, channels = clip.model, clip.layout.slices
    colors = encode_srgb(model.albedo(np.zeros(0))[0])
    writer = ObjWriter(model.triangles, colors, model.uv, model.uv_triangles)
    targets = files(clip, path)
    for block in clip.held_blocks():
        weights = block.vectors[:, channels["expression"]]
        for frame, target in zip(range(len(block)), targets, strict=False):
            vertices = model.shape(np.zeros(0, np.float32), weights[frame])
            placed = vertices @ block.channels.head_rotation[frame].T + block.channels.head_position[frame]
            with whole_file(target, str(target), suffix=".obj") as partial:
                writer.write(partial, placed)
