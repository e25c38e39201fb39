"""ICT-FaceKit (MIT), from the user's own clone: 100 identity modes, 53 expressions, the reference's albedo.

The clone's folder FaceXModel holds one OBJ per shape: generic_neutral_mesh.obj, identity000.obj ..., and the
expressions listed in vertex_indices.json. Coordinates are cm. Shapes that ARKit does not split stay split
(browInnerUpLeft and browInnerUpRight, cheekPuffLeft and cheekPuffRight); tongueOut does not exist. Lashes,
tear fluid, eye blend and occlusion shells, and the sockets behind the eyeballs are left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from facemodel.importers.assembly import Alignment, ForeignModel, align, assemble, transfer_albedo, transfer_regions
from facemodel.model import FaceModel

_NEUTRAL = "generic_neutral_mesh.obj"
_MM_PER_UNIT = 10.0
_REGIONS_OF_MATERIAL = {
    "M_Face": ("face", "scalp", "ears", "neck"),
    "M_BackHead": ("scalp", "ears", "neck", "mouth_lining"),
    "M_GumsTongue": ("tongue", "mouth_lining"),
    "M_Teeth": ("teeth",),
    "M_ScleraLeft": ("eyes",),
    "M_ScleraRight": ("eyes",),
    "M_IrisLeft": ("eyes",),
    "M_IrisRight": ("eyes",),
}
_SOCKET_RADIUS = 1.35  # of the eyeball's radius: back-of-head triangles inside it line the eye socket


@dataclass(frozen=True)
class _Mesh:
    """One OBJ: (V, 3) vertices, (U, 2) UVs, (T, 3) triangles into each, and (T,) material names."""

    vertices: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: NDArray[np.int64]
    uv_triangles: NDArray[np.int64]
    materials: NDArray[np.str_]


def import_ict(folder: str | Path, reference: FaceModel) -> FaceModel:
    """Read a clone of ICT-FaceKit.

    Args:
        folder: the clone, or the FaceXModel folder inside it.
        reference: gives landmarks, regions and albedo; see `facemodel.importers.assembly`.

    Raises:
        LimelightError: a file is missing, unreadable, or of another mesh than the neutral one.
    """
    folder = _shapes_folder(Path(folder))
    neutral = _read_obj(folder / _NEUTRAL)
    identity_files = sorted(folder.glob("identity[0-9]*.obj"))
    if not identity_files:
        raise LimelightError(f"{folder}: holds no identity000.obj ...; clone ICT-FaceKit again")
    names = _expression_names(folder)
    foreign = ForeignModel(
        name="ict",
        licence="MIT (ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative Technologies)",
        provenance="Imported from a clone of ICT-FaceKit.",
        mean=neutral.vertices * _MM_PER_UNIT,
        identity=_displacements(identity_files, neutral.vertices),
        expression=_displacements([folder / f"{name}.obj" for name in names], neutral.vertices),
        expression_names=tuple(_apple_spelling(name) for name in names),
        expression_range=(0.0, 1.0),
        triangles=neutral.triangles,
        uv=neutral.uv,
        uv_triangles=neutral.uv_triangles,
        eye_centres=np.stack([_sphere(neutral, f"M_Sclera{side}")[0] for side in ("Left", "Right")]),
    )
    skin = np.isin(neutral.materials, ("M_Face", "M_BackHead"))
    alignment = align(foreign.mean, foreign.triangles[skin], reference)
    region, kept = _regions(neutral, alignment, reference)
    return assemble(foreign, transfer_albedo(alignment, reference), region, kept, alignment, reference)


def _shapes_folder(folder: Path) -> Path:
    for candidate in (folder, folder / "FaceXModel"):
        if (candidate / _NEUTRAL).is_file():
            return candidate
    raise LimelightError(f"{folder}: holds no {_NEUTRAL}; name your clone of ICT-FaceKit or its folder FaceXModel")


def _expression_names(folder: Path) -> list[str]:
    index = folder / "vertex_indices.json"
    try:
        return [str(name) for name in json.loads(index.read_text(encoding="utf-8"))["expressions"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LimelightError(f"{index}: missing or without its list 'expressions'; clone ICT-FaceKit again") from error


def _apple_spelling(name: str) -> str:
    """ARKit's spelling of ICT's `browDown_L`."""
    stem, _, side = name.partition("_")
    return stem + {"L": "Left", "R": "Right", "": ""}.get(side, f"_{side}")


def _displacements(paths: list[Path], neutral: NDArray) -> NDArray[np.float64]:
    """(N, V, 3) mm from the neutral mesh to each shape."""
    displacements = np.empty((len(paths), *neutral.shape))
    for out, path in zip(displacements, paths, strict=True):
        vertices = _read_vertices(path, _read_text(path))
        if vertices.shape != neutral.shape:
            raise LimelightError(f"{path}: {len(vertices)} vertices, but {_NEUTRAL} has {len(neutral)}")
        np.subtract(vertices, neutral, out=out)
    return displacements * _MM_PER_UNIT


def _sphere(mesh: _Mesh, material: str) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius in mm of the sphere through the vertices of a material."""
    used = np.unique(mesh.triangles[mesh.materials == material])
    if len(used) < 4:
        raise LimelightError(f"{_NEUTRAL}: no material {material}; clone ICT-FaceKit again")
    points = mesh.vertices[used] * _MM_PER_UNIT
    terms = np.column_stack([2.0 * points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(terms, (points**2).sum(axis=1), rcond=None)
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def _regions(mesh: _Mesh, alignment: Alignment, reference: FaceModel) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(T,) region of every triangle, and (T,) whether the triangle belongs to the face model at all."""
    region = np.zeros(len(mesh.triangles), np.uint8)
    kept = np.zeros(len(mesh.triangles), bool)
    for material, candidates in _REGIONS_OF_MATERIAL.items():
        rows = np.flatnonzero(mesh.materials == material)
        if len(rows):
            region[rows] = transfer_regions(mesh.triangles[rows], alignment, reference, *candidates)
            kept[rows] = True
    centroids = mesh.vertices[mesh.triangles].mean(axis=1) * _MM_PER_UNIT
    for side in ("Left", "Right"):
        centre, radius = _sphere(mesh, f"M_Sclera{side}")
        inside = np.linalg.norm(centroids - centre, axis=1) < _SOCKET_RADIUS * radius
        kept[inside & (mesh.materials == "M_BackHead")] = False
    return region, kept


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LimelightError(f"{path}: missing or unreadable; clone ICT-FaceKit again") from error


def _read_vertices(path: Path, text: str) -> NDArray[np.float64]:
    coordinates = " ".join(line[2:] for line in text.splitlines() if line.startswith("v "))
    try:
        return np.array(coordinates.split(), dtype=float).reshape(-1, 3)
    except ValueError as error:
        raise LimelightError(f"{path}: not a valid OBJ file; clone ICT-FaceKit again") from error


def _read_obj(path: Path) -> _Mesh:
    """Read polygons as fans of triangles."""
    text = _read_text(path)
    uv, triangles, uv_triangles, materials = [], [], [], []
    material = ""
    try:
        for line in text.splitlines():
            if line.startswith("usemtl "):
                material = line.split(maxsplit=1)[1].strip()
            elif line.startswith("vt "):
                uv.append([float(x) for x in line.split()[1:3]])
            elif line.startswith("f "):
                corners = [[int(i) - 1 for i in corner.split("/")[:2]] for corner in line.split()[1:]]
                for second, third in zip(corners[1:-1], corners[2:], strict=True):
                    fan = (corners[0], second, third)
                    triangles.append([corner[0] for corner in fan])
                    uv_triangles.append([corner[1] for corner in fan])
                    materials.append(material)
    except (ValueError, IndexError) as error:
        raise LimelightError(f"{path}: not a valid OBJ file with UVs; clone ICT-FaceKit again") from error
    if not triangles:
        raise LimelightError(f"{path}: holds no faces; clone ICT-FaceKit again")
    return _Mesh(
        _read_vertices(path, text),
        np.array(uv),
        np.array(triangles),
        np.array(uv_triangles),
        np.array(materials),
    )
