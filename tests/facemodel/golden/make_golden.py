"""Writes vectors.json: what every implementation of the camera and the light must reproduce.

Nothing here uses `facemodel`: harmonics come from SciPy's complex ones, everything else is scalar arithmetic
written from the formulas of the design (Eq. 3, 4, 5 and R = Rx(-pitch) Ry(yaw) Rz(-roll)). Run it as
`python tests/facemodel/golden/make_golden.py`; the result is the same each time.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from scipy.special import sph_harm_y

Vector = list[float]

ORDERS = [(0, 0), (1, -1), (1, 0), (1, 1), (2, -2), (2, -1), (2, 0), (2, 1), (2, 2)]


def real_harmonic(degree: int, order: int, normal: Vector) -> float:
    """Orthonormal real spherical harmonic without the Condon-Shortley sign."""
    polar, azimuth = math.acos(max(-1.0, min(1.0, normal[2]))), math.atan2(normal[1], normal[0])
    value = complex(sph_harm_y(degree, abs(order), polar, azimuth))
    if order == 0:
        return value.real
    return math.sqrt(2.0) * (-1) ** order * (value.real if order > 0 else value.imag)


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def unit(a: Vector) -> Vector:
    length = math.sqrt(dot(a, a))
    return [x / length for x in a]


def diffuse(albedo: Vector, normal: Vector, sh: list[Vector]) -> Vector:
    """c_d of Eq. 4, light never below zero."""
    basis = [real_harmonic(degree, order, normal) for degree, order in ORDERS]
    return [albedo[c] * max(0.0, sum(basis[i] * sh[i][c] for i in range(9))) for c in range(3)]


def specular(
    albedo: Vector, point: Vector, normal: Vector, position: Vector, color: Vector, shininess: float
) -> Vector:
    """c_s of Eq. 5: t_s k max(0, n.h)^shininess, zero where n.l <= 0."""
    light = unit([p - q for p, q in zip(position, point, strict=True)])
    if dot(normal, light) <= 0.0:
        return [0.0, 0.0, 0.0]
    half = unit([light[0], light[1], light[2] + 1.0])
    lobe = max(0.0, dot(normal, half)) ** shininess
    return [albedo[c] * color[c] * lobe for c in range(3)]


def turn(axis: int, angle: float, v: Vector) -> Vector:
    """`v` turned right-handedly by `angle` radians about coordinate axis 0, 1 or 2."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = list(v)
    out[i] = math.cos(angle) * v[i] - math.sin(angle) * v[j]
    out[j] = math.sin(angle) * v[i] + math.cos(angle) * v[j]
    return out


def rotated(yaw: float, pitch: float, roll: float, v: Vector) -> Vector:
    """R v with R = Rx(-pitch) Ry(yaw) Rz(-roll), radians."""
    return turn(0, -pitch, turn(1, yaw, turn(2, -roll, v)))


def main() -> None:
    rng = np.random.default_rng(20221010)
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    random = rng.normal(size=(18, 3))
    normals = [unit(n) for n in np.concatenate([axes, random]).tolist()]
    sh = rng.normal(size=(9, 3)) * 0.3
    sh[0] = [2.6, 2.4, 2.1]
    diffuse_albedo = rng.uniform(0.02, 0.9, size=(24, 3)).tolist()
    specular_albedo = rng.uniform(0.02, 0.5, size=(24, 3)).tolist()
    points = rng.normal(size=(24, 3)) * 60.0
    lights = [
        {"key_position": [150.0, 250.0, 400.0], "key_color": [0.9, 0.8, 0.7], "shininess": 20.0},
        {"key_position": [-300.0, 40.0, 120.0], "key_color": [0.2, 0.5, 1.5], "shininess": 1.0},
        {"key_position": [0.0, -80.0, -500.0], "key_color": [1.0, 1.0, 1.0], "shininess": 200.0},
    ]
    poses = []
    for yaw, pitch, roll in [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 15), (-45, -25, 70), (85, 10, -170)]:
        translation, scale = rng.uniform(50, 400, size=2).tolist(), float(rng.uniform(0.4, 4.0))
        turned = [rotated(*map(math.radians, (yaw, pitch, roll)), p) for p in points.tolist()]
        matrix = [rotated(*map(math.radians, (yaw, pitch, roll)), e) for e in np.eye(3).tolist()]
        poses.append(
            {
                "yaw": yaw,
                "pitch": pitch,
                "roll": roll,
                "rotation": np.array(matrix).T.tolist(),
                "translation": translation,
                "scale": scale,
                "pixels": [[scale * x + translation[0], -scale * y + translation[1]] for x, y, _ in turned],
            }
        )
    golden = {
        "normals": normals,
        "sh_basis": [[real_harmonic(d, o, n) for d, o in ORDERS] for n in normals],
        "sh": sh.tolist(),
        "diffuse_albedo": diffuse_albedo,
        "diffuse": [diffuse(a, n, sh.tolist()) for a, n in zip(diffuse_albedo, normals, strict=True)],
        "points": points.tolist(),
        "specular_albedo": specular_albedo,
        "lights": [
            light
            | {
                "specular": [
                    specular(a, p, n, light["key_position"], light["key_color"], light["shininess"])
                    for a, p, n in zip(specular_albedo, points.tolist(), normals, strict=True)
                ]
            }
            for light in lights
        ],
        "poses": poses,
    }

    def rounded(value: object) -> object:
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        if isinstance(value, list):
            return [rounded(v) for v in value]
        return round(value, 12) + 0.0 if isinstance(value, float) else value

    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(rounded(golden)).replace('], "', '],\n"') + "\n")


if __name__ == "__main__":
    main()
