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
    ObjWriter(triangles, colors, uv, uv_triangles).write(path, vertices)


class ObjWriter:
    """Writes a triangle mesh again and again, with vertices elsewhere each time; arguments as of `write_obj`."""

    def __init__(
        self,
        triangles: NDArray,
        colors: NDArray | None = None,
        uv: NDArray | None = None,
        uv_triangles: NDArray | None = None,
    ) -> None:
        self._colors = colors
        if uv is None or uv_triangles is None:
            self._rest = _lines("f %d %d %d", triangles + 1)
        else:
            pairs = np.stack([triangles, uv_triangles], axis=2).reshape(-1, 6) + 1  # (T, 6): v/vt per corner
            self._rest = _lines("vt %.6f %.6f", uv) + _lines("f %d/%d %d/%d %d/%d", pairs)

    def write(self, path: str | Path, vertices: NDArray) -> None:
        """Write it with these vertices, (V, 3).

        Raises:
            LimelightError: the file cannot be written.
        """
        try:
            with Path(path).open("w", encoding="ascii") as file:
                file.write("# millimetres; +x image right, +y up, +z toward the camera\n")
                file.write(_vertex_lines(vertices, self._colors))
                file.write(self._rest)
        except OSError as error:
            raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error


def _vertex_lines(vertices: NDArray, colors: NDArray | None) -> str:
    rows = vertices if colors is None else np.hstack([vertices, colors])
    return _lines("v" + " %.5f" * rows.shape[1], rows)


def _lines(form: str, rows: NDArray) -> str:
    """One line a row (N, C)."""
    return (form + "\n") * len(rows) % tuple(rows.ravel().tolist())


def submesh(
    vertices: NDArray, triangles: NDArray, *per_vertex: NDArray
) -> tuple[NDArray, NDArray, tuple[NDArray, ...]]:
    """Keep only the vertices that `triangles` use.

    Returns:
        The kept vertices, the renumbered triangles, and the kept rows of each further per-vertex array.
    """
    kept, renumbered = np.unique(triangles, return_inverse=True)
    return vertices[kept], renumbered.reshape(triangles.shape), tuple(rows[kept] for rows in per_vertex)
