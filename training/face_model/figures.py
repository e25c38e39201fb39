"""Registration residuals: how closely the head follows ICT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemodel.arkit import ARKIT_NAMES
from training.face_model import ict as ict_parts
from training.face_model.head import Head
from training.face_model.ict import IctModel
from training.face_model.registration import hidden_in_nose
from training.face_model.surface import SurfaceLocator, opening_loops, peel, vertex_normals

_SHOULDER_CUT = -150.0
_ICT_HIDDEN_LIP_RINGS = 6


@dataclass(frozen=True)
class Residual:
    """Distances from ICT's face vertices to our surface, mm."""

    median: float
    p95: float


class ResidualMeter:
    """Measures how closely the head follows ICT on the face region, from ICT's vertices to our surface.

    Left out are vertices that cannot be seen: the inner side of lips and lids, the inside of the nostrils.
    """

    def __init__(self, head: Head, ict: IctModel, probes: int, seed: int) -> None:
        template = head.template
        self._head, self._ict = head, ict
        outer = head.skin_triangles
        face = template.triangle_region == template.region_names.index("face")
        self._triangles = template.triangles[outer[face[outer]]]
        everywhere = SurfaceLocator(template.vertices, template.triangles[outer])
        skin = ict.part_triangles(ict_parts.SKIN)
        visible = np.flatnonzero(_visible(ict, skin)[: ict_parts.FACE.stop])
        found = everywhere.closest(ict.mean[visible], vertex_normals(ict.mean, skin)[visible], normal_penalty=6.0)
        candidates = visible[face[outer[found.triangles]]]
        chosen = np.random.default_rng(seed).choice(len(candidates), min(probes, len(candidates)), replace=False)
        self._probes = candidates[np.sort(chosen)]

    def measure(self, ours: np.ndarray, ict_displacement: np.ndarray) -> Residual:
        """Compare our displaced vertices (V, 3) with ICT's mean + `ict_displacement` (N, 3)."""
        moved = self._ict.mean + ict_displacement
        locator = SurfaceLocator(ours, self._triangles, candidates=24)
        distances = locator.closest(moved[self._probes]).distances
        return Residual(float(np.median(distances)), float(np.percentile(distances, 95)))

    def identities(self, basis: np.ndarray, rotation: np.ndarray, count: int, seed: int) -> Residual:
        """Return the medians over `count` random ICT identities of each one's median and 95th percentile.

        Args:
            basis: (Ni, V, 3) the kept modes. rotation: (Ni, K) their coefficients from modes', ICT's first.
        """
        rng = np.random.default_rng(seed)
        results = []
        for _ in range(count):
            z = rng.standard_normal(len(self._ict.identity))
            ours = self._head.template.vertices + np.tensordot(rotation[:, : len(z)] @ z, basis, axes=1)
            results.append(self.measure(ours, np.tensordot(z, self._ict.identity, axes=1)))
        return Residual(float(np.median([r.median for r in results])), float(np.median([r.p95 for r in results])))

    def expressions(self) -> dict[str, Residual]:
        """Return the residual of every expression that ICT has, at weight 1 (mouthClose with jawOpen)."""
        result = {}
        for index, name in enumerate(ARKIT_NAMES):
            shape = self._ict.arkit_shape(name)
            if shape is None:
                continue
            ours = self._head.template.vertices + self._head.expression[index]
            if name == "mouthClose":
                shape = shape + self._ict.arkit_shape("jawOpen")
                ours = ours + self._head.expression[ARKIT_NAMES.index("jawOpen")]
            result[name] = self.measure(ours, shape)
        return result


def _visible(ict: IctModel, skin: np.ndarray) -> np.ndarray:
    """(N,) bool: skin that is neither on the inner side of lips or lids nor inside the nostrils."""
    loops = opening_loops(ict.mean, skin, _SHOULDER_CUT)
    outside = np.zeros(len(ict.mean), dtype=bool)
    outside[peel(skin, loops["mouth"], _ICT_HIDDEN_LIP_RINGS)] = True
    outside[[*loops["left_eye"], *loops["right_eye"]]] = False
    face = ict.mean[ict_parts.FACE]
    return outside & ~hidden_in_nose(ict.mean, skin, face[[face[:, 2].argmax()]])
