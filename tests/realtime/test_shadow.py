"""Shadows of the head on itself: against rays cast on the CPU, and where everybody expects them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import moderngl
import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.color import decode_srgb
from facemodel.rotation import matrix_from_euler
from realtime.light.lighting import FaceLight, Light, direction_of
from realtime.render import HeadlessComposer, RenderOptions, Scene, SceneFace, ViewMode, headless_context
from realtime.render.mesh import Mesh
from realtime.render.passes.shadow import ShadowPass, casting_triangles, frame_of

SIZE = 240
SIDES = {"image left": (-60.0, 10.0), "image right": (60.0, 10.0), "above": (0.0, 60.0), "below": (0.0, -50.0)}


def lamp(azimuth: float, elevation: float, size: float = 2.0, **changes: object) -> Light:
    made = Light(1, "point", direction_of(azimuth, elevation), 1000.0, (0.8, 0.8, 0.8), size, 40.0, False, 1.0)
    return replace(made, **changes)


@dataclass
class Head:
    """A turned head with its shadows.

    Attributes:
        points, normals: (V, 3) camera-aligned.
    """

    ctx: moderngl.Context
    model: FaceModel
    mesh: Mesh
    shadow: ShadowPass

    def __post_init__(self) -> None:
        vector = self.model.layout.neutral()
        self.face = self.model.layout.view(vector)
        self.face.rotation = matrix_from_euler(0.15, -0.05, 0.05)
        self.mesh.update(self.face)
        rotation = np.asarray(self.face.rotation, dtype=float)
        self.points = self.mesh.geometry.positions @ rotation.T
        self.normals = self.mesh.geometry.normals @ rotation.T

    def lit(self, *lamps: Light) -> NDArray:
        """(V, 8) what of each lamp's light reaches the vertices."""
        self.shadow.draw(self.face, lamps)
        parts = [np.frombuffer(b.read(), np.float32).reshape(-1, 4) for b in (self.mesh.lit_a, self.mesh.lit_b)]
        return np.concatenate(parts, axis=1)

    def skin(self, *names: str) -> NDArray[np.bool_]:
        """(V,) vertices of regions of the skin."""
        chosen = np.zeros(len(self.points), bool)
        chosen[np.unique(self.model.region_triangles(*names))] = True
        return chosen

    def hit(self, origins: NDArray, directions: NDArray) -> NDArray[np.bool_]:
        """Whether rays (N, 3) meet the head, by Moeller and Trumbore (1997)."""
        corners = self.points[self.model.triangles]  # (T, 3, 3)
        e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        found = np.zeros(len(origins), bool)
        for i, (origin, direction) in enumerate(zip(origins, directions, strict=True)):
            p = np.cross(direction, e2)
            scale = (e1 * p).sum(axis=1)
            scale = np.where(np.abs(scale) < 1e-9, np.nan, scale)
            t = origin - corners[:, 0]
            u = (t * p).sum(axis=1) / scale
            q = np.cross(t, e1)
            v, far = (q @ direction) / scale, (e2 * q).sum(axis=1) / scale
            found[i] = ((u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (far > 0.0)).any()
        return found


@pytest.fixture(scope="module")
def head(model: FaceModel) -> Iterator[Head]:
    ctx = headless_context()
    with ctx:
        mesh = Mesh(ctx, model)
        shadow = ShadowPass(ctx, mesh, model)
        yield Head(ctx, model, mesh, shadow)
        shadow.release()
        mesh.release()
    ctx.release()


def chosen_vertices(head: Head, light: Light, count: int) -> NDArray:
    """Some visible vertices of the skin that face the lamp, as many hidden as lit if there are."""
    toward = np.asarray(light.direction) * light.distance - head.points
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    facing = (head.normals * toward).sum(axis=1)
    usable = head.skin("face", "scalp", "ears", "neck") & (facing > 0.15) & (head.normals[:, 2] > 0.0)
    usable = np.random.default_rng(0).permutation(np.flatnonzero(usable))
    hidden = head.lit(light)[usable, 0] < 0.5
    return np.concatenate([usable[hidden][: count // 2], usable[~hidden][: count // 2]])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("changes", [{}, {"kind": "directional"}, {"distance": 300.0}], ids=["far", "sun", "near"])
def test_a_small_lamp_is_hidden_where_rays_say_so(head: Head, side: str, changes: dict) -> None:
    light = lamp(*SIDES[side], **changes)
    chosen = chosen_vertices(head, light, 80)
    origins = head.points[chosen] + 1.5 * head.normals[chosen]
    across = np.array([frame_of(normal) for normal in head.normals[chosen]])  # (N, 3, 3): the first two lie on the skin
    place = np.asarray(light.direction) * (1e6 if light.kind == "directional" else light.distance)
    cast = []
    for x, y in ((0.0, 0.0), (5.0, 0.0), (-5.0, 0.0), (0.0, 5.0), (0.0, -5.0)):
        start = origins + x * across[:, 0] + y * across[:, 1]
        ray = place - start
        cast.append(head.hit(start, ray / np.linalg.norm(ray, axis=1, keepdims=True)))
    sure = np.all(cast, axis=0) | ~np.any(cast, axis=0)
    hidden = head.lit(light)[chosen, 0] < 0.5
    assert sure.sum() >= 30
    assert (hidden == cast[0])[sure].mean() >= 0.95


def test_a_large_lamp_is_hidden_in_part(head: Head) -> None:
    light = lamp(-50.0, 30.0, size=30.0)
    chosen = chosen_vertices(head, light, 200)
    origins = head.points[chosen] + 1.5 * head.normals[chosen]
    radius = light.distance * np.tan(np.radians(15.0))
    k = np.arange(24)
    spread = radius * np.sqrt((k + 0.5) / 24)[:, None] * np.stack([np.cos(2.4 * k), np.sin(2.4 * k)], axis=-1)
    hidden, above = np.zeros(len(chosen)), np.zeros(len(chosen))
    for point in np.asarray(light.direction) * light.distance + spread @ frame_of(light.direction)[:2]:
        ray = point - origins
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        cosine = np.maximum((ray * head.normals[chosen]).sum(axis=1), 0.0)
        hidden += cosine * head.hit(origins, ray)
        above += cosine
    found = 1.0 - head.lit(light)[chosen, 0]
    assert 0.1 < (hidden / above).mean() < 0.9
    assert np.abs(found - hidden / above).mean() < 0.12
    assert abs((found - hidden / above).mean()) < 0.05


def test_a_light_behind_the_head_does_not_shine_through_it(head: Head) -> None:
    light = lamp(180.0, 20.0, size=20.0)
    toward = np.asarray(light.direction)
    lit = head.lit(light)[:, 0]
    reached = lit * np.maximum(head.normals @ toward, 0.0) * (head.normals[:, 2] > 0.0)
    assert reached[head.skin("face")].max() < 0.1


def test_darkness_is_as_deep_as_it_is_told(head: Head) -> None:
    whole, half, none = (replace(lamp(60.0, 10.0), shadow=shadow) for shadow in (1.0, 0.5, 0.0))
    lit = head.lit(whole, half, none)
    np.testing.assert_allclose(lit[:, 1], 0.5 + 0.5 * lit[:, 0], atol=1e-3)
    assert lit[:, 0].min() == 0.0
    np.testing.assert_array_equal(lit[:, 2:], 1.0)
    np.testing.assert_array_equal(head.lit(none), 1.0)


def test_larger_lamps_throw_softer_shadows(head: Head) -> None:
    facing = head.normals @ np.asarray(lamp(60.0, 10.0).direction) > 0.2
    half_lit = []
    for size in (1.0, 25.0, 60.0):
        lit = head.lit(lamp(60.0, 10.0, size))[facing & (head.normals[:, 2] > 0.0), 0]
        half_lit.append(((lit > 0.1) & (lit < 0.9)).mean())
    assert half_lit[0] < 0.9 * half_lit[1] < 0.9 * half_lit[2]


def test_what_throws_shadows_is_coarse_and_whole(model: FaceModel) -> None:
    coarse = casting_triangles(model)
    assert coarse.dtype == np.int32 and coarse.min() >= 0 and coarse.max() < model.n_vertices
    assert 0.2 < len(coarse) / len(model.triangles) < 0.5
    whole, sparse = (np.unique(triangles) for triangles in (model.region_triangles("face", "scalp", "neck"), coarse))
    gaps = np.linalg.norm(model.mean[whole][::20, None] - model.mean[sparse][None], axis=-1).min(axis=1)
    assert gaps.max() < 5.0 * 3.0**0.5


def test_eight_lamps_have_their_shadows_each(head: Head) -> None:
    lamps = [lamp(45.0 * n, 15.0) for n in range(8)]
    together = head.lit(*lamps)
    for i in (0, 3, 6):
        np.testing.assert_allclose(head.lit(lamps[i])[:, 0], together[:, i], atol=0.01)


@pytest.fixture(scope="module")
def composer(model: FaceModel) -> Iterator[HeadlessComposer]:
    with HeadlessComposer(model, SIZE, SIZE, samples=1) as made:
        yield made


def diffuse(composer: HeadlessComposer, model: FaceModel, light: Light) -> NDArray[np.float64]:
    """(SIZE, SIZE) linear green of a head in one lamp alone."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.translation[:], p.scale = (SIZE / 2, SIZE / 2), 1.1
    p.sh[:] = 0.0
    face = SceneFace(vector, replace(FaceLight.estimated(p), lights=(light,)))
    options = RenderOptions(mode=ViewMode.DIFFUSE, background=(0.0, 0.0, 0.0))
    return decode_srgb(composer.draw(Scene(None, (face,), options))[..., 1] / 255.0)


@pytest.mark.parametrize("azimuth", [-55.0, 55.0])
def test_the_nose_darkens_the_cheek_away_from_the_light(
    composer: HeadlessComposer, model: FaceModel, azimuth: float
) -> None:
    shadowed, plain = (diffuse(composer, model, lamp(azimuth, 10.0, shadow=shadow)) for shadow in (1.0, 0.0))
    darker = plain - shadowed > 0.03
    nose = slice(SIZE // 2, SIZE // 2 + 60)  # rows, from the eyes to the mouth
    left, right = darker[nose, : SIZE // 2].sum(), darker[nose, SIZE // 2 :].sum()
    away, near = (left, right) if azimuth > 0.0 else (right, left)
    assert away > 150 and near < 0.1 * away


def test_a_light_at_the_camera_throws_no_shadow_that_it_sees(composer: HeadlessComposer, model: FaceModel) -> None:
    """But in the creases, where a penumbra cannot be as narrow as it ought to be."""
    shadowed, plain = (diffuse(composer, model, lamp(0.0, 0.0, shadow=shadow)) for shadow in (1.0, 0.0))
    lit = plain > 0.05
    lost = 1.0 - shadowed[lit] / plain[lit]
    assert lost.mean() < 0.02 and (lost > 0.1).mean() < 0.05
