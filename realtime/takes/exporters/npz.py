"""NumPy archive: everything that a take says of a face, as arrays with names; rows are NaN without parameters."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from realtime.frame import TrackingState
from realtime.takes.clip import Block, Clip

extension = ".npz"

_STATE = np.dtype(f"<U{max(len(state.value) for state in TrackingState)}")
_CHUNK = 1 << 20


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`. Expressions are ARKit's 52, or the model's own where it has other ones.

    An archive holds one array after the other, and a clip is read frame by frame: the arrays grow in files beside the
    archive, and are then put into it.
    """
    arkit, layout = clip.reader.has_arkit_weights, clip.layout
    constant = {
        "expression_names": np.array(ARKIT_NAMES if arkit else layout.expression_names),
        "parameter_names": np.array(list(layout.names())),
        "header": np.array(clip.take.header.to_json().decode()),
    }
    with tempfile.TemporaryDirectory(prefix=".limelight-", dir=path.parent) as folder:
        grown = _grown(clip, Path(folder), arkit)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, file in grown.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, file.open("rb") as source:
                    shutil.copyfileobj(source, member, _CHUNK)
            for name, array in constant.items():
                with archive.open(f"{name}.npy", "w") as member:
                    npy.write_array(member, array, allow_pickle=False)


def _grown(clip: Clip, folder: Path, arkit: bool) -> dict[str, Path]:
    """Write each array of the clip's frames into a file in a folder, and return those by name."""
    files: dict[str, IO[bytes]] = {}
    try:
        for block in clip.blocks():
            for name, rows in _arrays(clip, block, arkit):
                if name not in files:
                    files[name] = (folder / f"{name}.npy").open("wb")
                    npy.write_array_header_2_0(
                        files[name],
                        {
                            "descr": npy.dtype_to_descr(rows.dtype),
                            "fortran_order": False,
                            "shape": (len(clip), *rows.shape[1:]),
                        },
                    )
                files[name].write(np.ascontiguousarray(rows).tobytes())
    finally:
        for file in files.values():
            file.close()
    return {name: folder / f"{name}.npy" for name in files}


def _arrays(clip: Clip, block: Block, arkit: bool) -> Iterator[tuple[str, NDArray]]:
    """The arrays of a block by name."""
    channels, vectors, slices = block.channels, block.vectors, clip.layout.slices
    yield "frame", block.index
    yield "timestamp", block.time
    if clip.has_timecode:
        yield "timecode", np.array([str(timecode) for timecode in clip.timecodes(block)], "<U11")
    yield "state", np.array([state.value for state in block.state], _STATE)
    yield "confidence", block.confidence
    yield "crop", block.crop
    yield "size", block.size
    yield "person", block.person
    yield "expression", channels.weights if arkit else vectors[:, slices["expression"]]
    yield "identity", vectors[:, slices["identity"]]
    yield "albedo", vectors[:, slices["albedo"]]
    for name in (
        *("head_angles", "head_position", "eye_angles", "translation", "scale", "sh", "key_position", "key_color"),
        "shininess",
    ):
        yield name, getattr(channels, name)
    yield "parameters", vectors
