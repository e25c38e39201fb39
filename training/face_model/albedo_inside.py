"""Colours of what is not skin: eyeballs, teeth, tongue and mouth lining. Synthetic but for the hues of the irises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model.eyes import EDGE_MM, IRIS_RADIUS_MM, LIMBUS_MM, PUPIL_RADIUS_MM
from training.face_model.surface import ramp
from training.face_model.template import Template

_LASH_GAP_MM, _LASH_WIDTH_MM = 1.9, 0.8  # of the line along which they grow from the eyeball, and its half-width
_MARGIN_WIDTH_MM, _MOISTURE = 1.2, 0.6
_DUCT_MM, _DUCT_RADIUS_MM, _DUCT_GAP_MM = (10.8, -2.2), 1.7, 4.0  # inwards of and above the eye's centre
_LID_CORNER_MM = -2.0  # height of the corners of the eye against its centre
_SCLERA = np.array([0.50, 0.455, 0.42])
_SCLERA_CORNER = np.array([0.43, 0.27, 0.215])
"""What the sclera turns to at the corners of the eye, where vessels and fat show through."""
_CORNEA_GLOSS, _SCLERA_GLOSS, _TEAR_GLOSS = 0.24, 0.08, 0.25
"""Specular albedo of the cornea, the sclera, and the line of tears along the lower lid."""
_TEAR_HEIGHT, _TEAR_WIDTH = -0.40, 0.10
"""Of that line on the eyeball, in its radii above the centre, and its half-width."""
MOIST_SKIN = np.array([0.42, 0.20, 0.17])
"""Margins of the lids and the tear duct's corner, of pale people."""
_TEETH = np.array([0.58, 0.51, 0.41])
_TONGUE = np.array([0.33, 0.12, 0.105])
_LINING = np.array([0.16, 0.045, 0.04])
_DARK_BROWN = np.array([0.072, 0.038, 0.021])
_IRIS_SATURATION = 0.5
_IRIS_BRIGHTNESS = 0.7


@dataclass(frozen=True)
class Eyeball:
    """One eyeball of the template.

    Attributes:
        vertices: (E,) indices into the template's vertices.
        centre: (3,) mm.
        radius: mm.
        directions: (E, 3) unit vectors from the centre; the gaze axis is +z.
        distance_mm: (E,) distance from the gaze axis, infinite on the back half.
    """

    vertices: np.ndarray
    centre: np.ndarray
    radius: float
    directions: np.ndarray
    distance_mm: np.ndarray


def find_eyeballs(template: Template) -> tuple[Eyeball, ...]:
    """Both eyeballs, the subject's left (+x) first, from least-squares spheres through the region `eyes`."""
    vertices = template.region_vertices("eyes")
    eyeballs = []
    for side in (1.0, -1.0):
        own = vertices[side * template.vertices[vertices, 0] > 0]
        points = template.vertices[own].astype(np.float64)
        system = np.hstack([2.0 * points, np.ones((len(points), 1))])
        solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
        centre = solution[:3]
        radius = float(np.sqrt(solution[3] + centre @ centre))
        directions = points - centre
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        distance = np.where(directions[:, 2] > 0, radius * np.hypot(directions[:, 0], directions[:, 1]), np.inf)
        eyeballs.append(Eyeball(own, centre, radius, directions, distance))
    return tuple(eyeballs)


def lid_bands(template: Template, eyeballs: tuple[Eyeball, ...], skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where lashes darken the lids (V,) and where they are moist and pink (V,), in [0, 1].

    Of the `skin` vertices (K,), those at a lid's margin and in the tear duct's corner, which lie close to the eyeball,
    are moist; the lashes grow a little farther out.
    """
    lashes, moist = np.zeros(len(template.vertices)), np.zeros(len(template.vertices))
    for eyeball in eyeballs:
        offset = template.vertices[skin] - eyeball.centre
        front = offset[:, 2] > 0
        gap = np.maximum(np.linalg.norm(offset, axis=1) - eyeball.radius, 0.0)
        inward = -np.sign(eyeball.centre[0]) * offset[:, 0]
        from_duct = np.hypot(inward - _DUCT_MM[0], offset[:, 1] - _DUCT_MM[1])
        duct = np.exp(-((from_duct / _DUCT_RADIUS_MM) ** 2)) * (gap < _DUCT_GAP_MM) * front
        upper = np.where(offset[:, 1] > _LID_CORNER_MM, 1.0, 0.5)
        line = upper * np.exp(-(((gap - _LASH_GAP_MM) / _LASH_WIDTH_MM) ** 2)) * front * (1.0 - duct)
        lashes[skin] = np.maximum(lashes[skin], line)
        margin = np.exp(-((gap / _MARGIN_WIDTH_MM) ** 2)) * front
        moist[skin] = np.maximum(moist[skin], _MOISTURE * np.maximum(margin, duct))
    return lashes, moist


def lash_shadow(eyeball: Eyeball) -> np.ndarray:
    """Return the share of light (E,) that the lashes of the upper lid and the folds at the corners leave an eyeball."""
    x, y = eyeball.directions[:, 0], eyeball.directions[:, 1]
    return (1.0 - 0.5 * ramp(y, 0.10, 0.50)) * (1.0 - 0.25 * ramp(np.abs(x), 0.45, 0.9))


class InnerParts:
    """Paints eyes, teeth, tongue and mouth lining of random people."""

    def __init__(
        self, template: Template, skin: np.ndarray, iris_colours: dict[str, np.ndarray], rng: np.random.Generator
    ) -> None:
        """Prepare for `template`, whose vertices `skin` (K,) stay skin; `iris_colours` is name -> linear RGB (3,)."""
        self._rng = rng
        self._regions = {
            name: np.setdiff1d(template.region_vertices(name), skin)
            for name in ("teeth", "tongue", "mouth_lining")
            if name in template.region_names
        }
        self._eyeballs = find_eyeballs(template)
        self._fair_irises = np.stack([_muted(colour) for name, colour in sorted(iris_colours.items())])
        self.lashes, self.moist = lid_bands(template, self._eyeballs, skin)
        middle = template.vertices[:, 1] - np.mean([eyeball.centre[1] for eyeball in self._eyeballs])
        self._tears = np.where(middle < _LID_CORNER_MM, self.moist / _MOISTURE, 0.0) ** 2  # (V,), lower margins

    def paint(self, diffuse: np.ndarray, lightness: float) -> None:
        """Write one person's inner colours into `diffuse` (V, 3); `lightness` of the skin, 0 darkest .. 1 palest."""
        rng = self._rng
        for name, colour in (("teeth", _TEETH), ("tongue", _TONGUE), ("mouth_lining", _LINING)):
            if name in self._regions:
                diffuse[self._regions[name]] = colour * rng.uniform(0.78, 1.08) * np.exp(rng.normal(0.0, 0.04, 3))
        sclera = _SCLERA * rng.uniform(0.8, 1.1) * np.exp(rng.normal(0.0, 1.0, 3) * [0.02, 0.03, 0.06])
        iris = self._iris(lightness)
        for eyeball in self._eyeballs:
            diffuse[eyeball.vertices] = _eye_colours(eyeball, sclera, iris)

    def gloss(self, specular: np.ndarray) -> None:
        """Write the wet shine of one person's eyes into the specular albedo (V,): cornea, sclera and line of tears."""
        wetness = np.exp(self._rng.normal(0.0, 0.15))
        specular += wetness * _TEAR_GLOSS * self._tears * np.maximum(1.0 - specular, 0.0)
        for eyeball in self._eyeballs:
            in_cornea = 1.0 - ramp(eyeball.distance_mm, IRIS_RADIUS_MM - LIMBUS_MM, IRIS_RADIUS_MM + LIMBUS_MM)
            front, y = eyeball.directions[:, 2] > 0, eyeball.directions[:, 1]
            tears = front * np.exp(-(((y - _TEAR_HEIGHT) / _TEAR_WIDTH) ** 2))
            gloss = _SCLERA_GLOSS + in_cornea * (_CORNEA_GLOSS - _SCLERA_GLOSS)
            specular[eyeball.vertices] = wetness * np.maximum(gloss, _TEAR_GLOSS * tears)

    def _iris(self, lightness: float) -> np.ndarray:
        """Iris colour (3,): dark brown, mixed with one of the measured hues for some people with lighter skin."""
        fair = self._fair_irises[self._rng.integers(len(self._fair_irises))]
        share = np.clip((lightness - 0.4) * 2.0, 0.0, 1.0) * self._rng.beta(0.5, 0.7)
        return (_DARK_BROWN + share * (fair - _DARK_BROWN)) * self._rng.uniform(0.7, 1.3)


def _muted(colour: np.ndarray) -> np.ndarray:
    """A texture's iris colour (3,), which is painted far too vivid, brought to the range of real irises."""
    grey = colour.mean()
    return _IRIS_BRIGHTNESS * (grey + _IRIS_SATURATION * (colour - grey))


def _eye_colours(eyeball: Eyeball, sclera: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Colours (E, 3) of one eyeball: sclera, redder at the corners, iris that darkens to the limbus, pupil."""
    corner = 0.6 * ramp(np.abs(eyeball.directions[:, 0]), 0.45, 0.95)
    white = sclera + corner[:, None] * (sclera / _SCLERA * _SCLERA_CORNER - sclera)  # (E, 3)
    distance = eyeball.distance_mm
    in_iris = 1.0 - ramp(distance, IRIS_RADIUS_MM - LIMBUS_MM, IRIS_RADIUS_MM + LIMBUS_MM)
    in_pupil = 1.0 - ramp(distance, PUPIL_RADIUS_MM - EDGE_MM, PUPIL_RADIUS_MM + EDGE_MM)
    rim = ramp(distance, 0.7 * IRIS_RADIUS_MM, IRIS_RADIUS_MM)
    ring = (1.0 - 0.75 * rim)[:, None] * iris
    colour = white + in_iris[:, None] * (ring - white)
    return colour * (1.0 - 0.9 * in_pupil)[:, None]
