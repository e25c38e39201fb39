"""Wavefront OBJ, the mesh format that every program reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError


def write_obj(
    path: str | Path,
    vertices: NDArray,
    triangles: NDArray,
    colors: NDArray | None = None,
    uv: NDArray | None = None,
    uv_triangles: NDArray | None = None,
) -> None:
    """Write a triangle mesh.

    Args:
        path: of the file.
        vertices: (V, 3).
        triangles: (T, 3) from 0.
        colors: (V, 3) sRGB 0..1, written behind each vertex as most programs read it.
        uv, uv_triangles: (U, 2) with v up, (T, 3); both or neither.

    Raises:
        LimelightError: the file cannot be written.
    """
    rows = vertices if colors is None else np.hstack([vertices, colors])
    try:
        with Path(path).open("w", encoding="ascii") as file:
            file.write("# millimetres; +x image right, +y up, +z toward the camera\n")
            np.savetxt(file, rows, fmt="v" + " %.5f" * rows.shape[1])
            if uv is None or uv_triangles is None:
                np.savetxt(file, triangles + 1, fmt="f %d %d %d")
            else:
                np.savetxt(file, uv, fmt="vt %.6f %.6f")
                pairs = np.stack([triangles, uv_triangles], axis=2).reshape(-1, 6) + 1  # (T, 6): v/vt per corner
                np.savetxt(file, pairs, fmt="f %d/%d %d/%d %d/%d")
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error


def submesh(
    vertices: NDArray, triangles: NDArray, *per_vertex: NDArray
) -> tuple[NDArray, NDArray, tuple[NDArray, ...]]:
    """Keep only the vertices that `triangles` use.

    Returns:
        The kept vertices, the renumbered triangles, and the kept rows of each further per-vertex array.
    """
    kept, renumbered = np.unique(triangles, return_inverse=True)
    return vertices[kept], renumbered.reshape(triangles.shape), tuple(rows[kept] for rows in per_vertex)
