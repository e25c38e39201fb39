"""ICT's identity and expression modes on the head's surface."""

from __future__ import annotations

import numpy as np

from facemodel.arkit import ARKIT_NAMES
from training.face_model.closures import keep_lids_outside, lid_closure
from training.face_model.fields import continue_harmonically
from training.face_model.head_config import HeadConfig
from training.face_model.head_surface import HeadSurface, IctSkin
from training.face_model.ict import IctModel
from training.face_model.insides import Eye, Jaws
from training.face_model.makehuman import BaseMesh
from training.face_model.rings import opening_loops

_TRUSTED_WITHIN_MM = 1.5
_SHOULDER_CUT = -150.0


def transfer_modes(
    surface: HeadSurface, base: BaseMesh, ict: IctModel, jaws: Jaws, eyes: tuple[Eye, Eye], config: HeadConfig
) -> np.ndarray:
    """Displacements (100 + 52, V, 3) of the surface: identity, then expression in ARKit's order.

    Skin takes ICT's displacements at the corresponding points, the lids along their curves. The throat follows teeth
    and jaw as far as MakeHuman's own jawOpen moves it; lining, socket rims and skin without a trusted correspondence
    continue harmonically.
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

    stacked = fields.transpose(1, 0, 2).reshape(len(known), -1)  # (V, 152 * 3)
    filled = continue_harmonically(surface.triangles, stacked, known)
    fields = filled.reshape(len(known), -1, 3).transpose(1, 0, 2)

    loops = opening_loops(surface.vertices, surface.skin_triangles, _SHOULDER_CUT)
    for name, loop in (("eyeBlinkLeft", loops["left_eye"]), ("eyeBlinkRight", loops["right_eye"])):
        blink = fields[n_identity + ARKIT_NAMES.index(name)]
        blink += lid_closure(surface.vertices, surface.skin_triangles, loop, blink, config)
    for eye in eyes:
        clear = eye.radius + config.lid_clearance
        keep_lids_outside(surface.vertices, fields[n_identity:], surface.skin, eye.centre, clear)
    return fields


def _follows_jaw(surface: HeadSurface, base: BaseMesh) -> np.ndarray:
    """(K,) 0..1: how much MakeHuman's jawOpen moves each throat vertex, relative to the lower teeth."""
    jaw_open = np.linalg.norm(base.face_unit("jawOpen"), axis=1)
    teeth = jaw_open[base.quads[base.groups == "helper-lower-teeth"]].mean()
    return np.clip(jaw_open[surface.source[surface.throat]] / teeth, 0, 1)
