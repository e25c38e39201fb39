"""ICT's identity and expression modes on the head's surface."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from facemodel.arkit import ARKIT_NAMES
from training.face_model.closures import LipContact, keep_lids_outside, lid_closure
from training.face_model.head_surface import HeadSurface, IctSkin
from training.face_model.ict import IctModel
from training.face_model.insides import Eye, Jaws
from training.face_model.makehuman import BaseMesh
from training.face_model.surface import continue_harmonically, opening_loops

_LID_CLEARANCE_MM = 0.25
"""Least distance of a moving lid from the eyeball at weight 1."""
_TRUSTED_WITHIN_MM = 1.5
_SHOULDER_CUT = -150.0
_LINING_FOLLOWS_WITHIN_MM, _SKIN_NEIGHBOURS = 14.0, 8
_PEOPLE, _SEED = 60, 7
SHUT_MOUTH = (
    *("mouthSmile", "mouthPress", "mouthFrown", "mouthDimple", "mouthStretch", "mouthLeft", "mouthRight"),
    *("mouthPucker", "mouthRollUpper", "mouthRollLower", "mouthShrugLower", "cheekPuff"),
    *("jawForward", "jawLeft", "jawRight"),
)
"""Shapes with which the mouth stays shut, by ARKit's meaning of them; those of two sides without their side."""


def transfer_modes(
    surface: HeadSurface, base: BaseMesh, ict: IctModel, jaws: Jaws, eyes: tuple[Eye, Eye]
) -> np.ndarray:
    """Return the displacements (100 + 52, V, 3) of the surface: identity, then expression in ARKit's order.

    Skin takes ICT's displacements at the corresponding points, the lids along their curves. The throat follows teeth
    and jaw as far as MakeHuman's own jawOpen moves it. Lining close behind the skin follows it while the mouth is shut;
    other lining, socket rims and skin without a trusted correspondence continue harmonically. The lips meet where the
    mouth is shut.
    """
    target = IctSkin(ict)
    found = target.correspond(surface.vertices, surface.skin_triangles, surface.lip_sides)
    shapes = [ict.arkit_shape(name) for name in ARKIT_NAMES]
    still = np.zeros_like(ict.mean)
    modes = np.concatenate([ict.identity, [still if shape is None else shape for shape in shapes]])
    fields = found.interpolate(target.triangles, modes)  # (152, V, 3)
    n_identity = len(ict.identity)

    known = surface.skin & (found.distances < _TRUSTED_WITHIN_MM) & ~surface.lids.everywhere
    known[surface.lids.rings] = True
    fields[:, surface.lids.rings] = np.stack([surface.lids.weights @ mode for mode in modes])
    known[surface.throat] = True
    throat = surface.vertices[surface.throat]
    fields[:n_identity, surface.throat] = jaws.identity("both", throat)
    fields[n_identity:, surface.throat] = jaws.expression(throat) * _follows_jaw(surface, base)[:, None]

    lining, skin, weights = _lining_behind_skin(surface, known & surface.skin)
    shut = np.ones(len(fields), dtype=bool)
    shut[n_identity:] = sum(both_sides(name) for name in SHUT_MOUTH)
    fields[~shut] = _fill(surface.triangles, fields[~shut], known)
    fields[np.ix_(shut, lining)] = np.einsum("mnkc,nk->mnc", fields[shut][:, skin], weights)
    known[lining] = True
    fields[shut] = _fill(surface.triangles, fields[shut], known)

    loops = opening_loops(surface.vertices, surface.skin_triangles, _SHOULDER_CUT)
    for name, loop in (("eyeBlinkLeft", loops["left_eye"]), ("eyeBlinkRight", loops["right_eye"])):
        blink = fields[n_identity + ARKIT_NAMES.index(name)]
        blink += lid_closure(surface.vertices, surface.skin_triangles, loop, blink)
    for eye in eyes:
        clear = eye.radius + _LID_CLEARANCE_MM
        keep_lids_outside(surface.vertices, fields[n_identity:], surface.skin, eye.centre, clear)
    _close_lips(surface, fields[:n_identity], fields[n_identity:])
    return fields


def _fill(triangles: np.ndarray, fields: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue the fields (K, V, 3) harmonically from the known vertices (V,)."""
    stacked = fields.transpose(1, 0, 2).reshape(len(known), -1)  # (V, K * 3)
    return continue_harmonically(triangles, stacked, known).reshape(len(known), -1, 3).transpose(1, 0, 2)


def both_sides(name: str) -> np.ndarray:
    """Return the weights (52,) of a shape of ARKit's, or of its left and its right one, at 1."""
    return np.array([float(known in (name, f"{name}Left", f"{name}Right")) for known in ARKIT_NAMES])


def _close_lips(surface: HeadSurface, identity: np.ndarray, expression: np.ndarray) -> None:
    """Make the lips meet, in place, for every person: shapes of a shut mouth, and mouthClose together with jawOpen."""
    contact = LipContact(surface.vertices, surface.skin_triangles, surface.lip_sides)
    identity += contact.identity_corrections(identity)
    people = np.tensordot(np.random.default_rng(_SEED).standard_normal((_PEOPLE, len(identity))), identity, axes=1)
    shut = np.flatnonzero(sum(both_sides(name) for name in SHUT_MOUTH))
    expression[shut] += contact.closing(surface.vertices + expression[shut], people)
    open_jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    shape = surface.vertices + expression[open_jaw] + expression[close]
    expression[close] += contact.closing(shape[None], people)[0]


def _lining_behind_skin(surface: HeadSurface, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (N,) of the lining close behind the skin, the known skin around them (N, K) and its weights (N, K): what
    moves with the skin stays behind it."""
    vertices = surface.vertices
    lining = np.setdiff1d(surface.triangles[surface.parts == "lining"], np.flatnonzero(surface.skin))
    lining = np.setdiff1d(lining, surface.throat)
    skin = np.flatnonzero(known)
    distances, nearest = cKDTree(vertices[skin]).query(vertices[lining], k=_SKIN_NEIGHBOURS)
    close = distances[:, 0] < _LINING_FOLLOWS_WITHIN_MM
    weights = 1 / np.maximum(distances[close], 0.1) ** 2
    return lining[close], skin[nearest[close]], weights / weights.sum(axis=1, keepdims=True)


def _follows_jaw(surface: HeadSurface, base: BaseMesh) -> np.ndarray:
    """(K,) 0..1: how much MakeHuman's jawOpen moves each throat vertex, relative to the lower teeth."""
    jaw_open = np.linalg.norm(base.face_unit("jawOpen"), axis=1)
    teeth = jaw_open[base.quads[base.groups == "helper-lower-teeth"]].mean()
    return np.clip(jaw_open[surface.source[surface.throat]] / teeth, 0, 1)
