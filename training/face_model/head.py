"""The registered head: MakeHuman's topology in the shape of the ICT mean, and the ICT modes on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model import ict as ict_parts
from training.face_model.head_surface import HeadSurface, IctSkin, cut_head, shape_surface
from training.face_model.ict import IctModel
from training.face_model.insides import FrontSkin, Jaws, Part, eye_part, fit_eye, mouth_parts
from training.face_model.makehuman import BaseMesh
from training.face_model.registration import similarity
from training.face_model.surface import boundary_loops
from training.face_model.template import Template
from training.face_model.transfer import transfer_modes

_EYEBALL_INSET_MM = 0.6
"""Gap between an eyeball and the innermost point of its lids."""
_FACE_BELOW_CHIN_MM = 5.0
"""How far the face region reaches below the lowest landmark."""
REGION_NAMES = ("face", "scalp", "ears", "neck", "eyes", "teeth", "tongue", "mouth_lining")


@dataclass(frozen=True)
class Head:
    """The template and every ICT mode on it (mm).

    Attributes:
        template: mean shape and topology.
        identity: (100, V, 3). expression: (52, V, 3) in ARKit's order.
        eye_centres: (2, 3), the subject's left first.
        eyeballs: vertex indices of the left and the right eyeball, the pole in front first.
        lip_loop: vertex indices of the inner lip contour, a closed loop.
        source: (C,) base mesh indices of the first C vertices; the others are new, or of an inner part.
        skin: (V,) bool, vertices of the outer skin. lip_sides: (V,) +1 upper lip, -1 lower lip, 0 elsewhere.
    """

    template: Template
    identity: np.ndarray
    expression: np.ndarray
    eye_centres: np.ndarray
    eyeballs: tuple[np.ndarray, np.ndarray]
    lip_loop: np.ndarray
    source: np.ndarray
    skin: np.ndarray
    lip_sides: np.ndarray

    @property
    def skin_triangles(self) -> np.ndarray:
        """Return the indices of the template's triangles that are outer skin."""
        return np.flatnonzero(self.skin[self.template.triangles].all(axis=1))


def build_head(base: BaseMesh, ict: IctModel, base_landmarks: np.ndarray, ict_landmarks: np.ndarray) -> Head:
    """Register, refine, complete with eyes, teeth and tongue, and transfer every ICT mode. In ICT's frame.

    Args:
        base_landmarks: (L, 3) points of the base mesh, decimetres. ict_landmarks: (L, 3) the same on ICT's mean, mm.
    """
    scale, rotation, translation = similarity(base_landmarks, ict_landmarks)

    def align(points: np.ndarray) -> np.ndarray:
        return scale * points @ rotation.T + translation

    mesh = cut_head(base)
    left, right = (fit_eye(ict, part, _EYEBALL_INSET_MM) for part in (ict_parts.LEFT_EYE, ict_parts.RIGHT_EYE))
    surface = shape_surface(mesh, align(mesh.vertices), align(base_landmarks), ict, ict_landmarks, (left, right))
    jaws = Jaws(ict)
    modes = transfer_modes(surface, base, ict, jaws, (left, right))
    skin = FrontSkin(surface.vertices, surface.skin_triangles, modes[: len(ict.identity)])
    inner = [eye_part(ict, 0, left), eye_part(ict, 1, right), *mouth_parts(base, jaws, align, skin)]
    face_above = float(ict_landmarks[:, 1].min()) - _FACE_BELOW_CHIN_MM
    return _join(surface, modes, _surface_regions(surface, ict, face_above), inner, (left.centre, right.centre), ict)


def _join(
    surface: HeadSurface,
    modes: np.ndarray,
    surface_regions: np.ndarray,
    inner: list[Part],
    eye_centres: tuple[np.ndarray, np.ndarray],
    ict: IctModel,
) -> Head:
    """One mesh of the surface, then the inner parts in their order: left eye, right eye, teeth, tongue."""
    pieces: list[HeadSurface | Part] = [surface, *inner]
    offsets = np.cumsum(np.array([0] + [len(piece.vertices) for piece in pieces]))
    uv_offsets = np.cumsum(np.array([0] + [len(piece.uv) for piece in pieces]))
    triangles = [piece.triangles + offset for piece, offset in zip(pieces, offsets, strict=False)]
    uv_triangles = [piece.uv_triangles + offset for piece, offset in zip(pieces, uv_offsets, strict=False)]
    regions = [surface_regions, *(np.full(len(p.triangles), REGION_NAMES.index(p.region)) for p in inner)]
    template = Template(
        vertices=np.concatenate([piece.vertices for piece in pieces]),
        triangles=np.concatenate(triangles).astype(np.int32),
        uv=np.concatenate([piece.uv for piece in pieces]).astype(np.float32),
        uv_triangles=np.concatenate(uv_triangles).astype(np.int32),
        region_names=REGION_NAMES,
        triangle_region=np.concatenate(regions).astype(np.uint8),
    )
    all_modes = np.concatenate([modes, *(part.modes for part in inner)], axis=1)
    rest = offsets[-1] - offsets[1]
    return Head(
        template=template,
        identity=all_modes[: len(ict.identity)],
        expression=all_modes[len(ict.identity) :],
        eye_centres=np.array(eye_centres),
        eyeballs=(np.arange(offsets[1], offsets[2]), np.arange(offsets[2], offsets[3])),
        lip_loop=_inner_lip_loop(surface),
        source=surface.source,
        skin=np.concatenate([surface.skin, np.zeros(rest, dtype=bool)]),
        lip_sides=np.concatenate([surface.lip_sides, np.zeros(rest, dtype=int)]),
    )


def _surface_regions(surface: HeadSurface, ict: IctModel, face_above: float) -> np.ndarray:
    """(T,) region of the triangles of skin, lining and socket rims; the face ends at the height `face_above` (mm)."""
    index = REGION_NAMES.index
    x, y, z = surface.vertices[surface.triangles].mean(axis=1).T
    narrow = IctSkin(ict).on_narrow_face(surface.vertices, surface.triangles)[surface.triangles].all(axis=1)
    region = np.full(len(surface.triangles), index("scalp"))
    region[(y < -40) | (y < face_above + 0.35 * (z - 60))] = index("neck")
    beside_head = np.abs(x) > 70 + 0.2 * np.maximum(y - 20, 0)
    region[beside_head & (np.abs(y - 25) < 46) & (np.abs(z) < 25)] = index("ears")
    region[narrow & (y > face_above)] = index("face")
    region[surface.parts == "rim"] = index("face")
    region[surface.parts == "lining"] = index("mouth_lining")
    return region


def _inner_lip_loop(surface: HeadSurface) -> np.ndarray:
    """The loop between skin and lining, in the direction of the skin's triangles."""
    lining = np.unique(surface.triangles[surface.parts == "lining"])
    for loop in boundary_loops(surface.skin_triangles):
        if np.isin(loop, lining).all():
            return loop
    raise ValueError("the skin has no boundary with the mouth lining")
