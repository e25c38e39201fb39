"""The differentiable renderer: against the reference, against GLSL, against finite differences, and at its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import CROP_SIZE, FaceModel, LimelightError, project
from facemodel.lighting import shade_diffuse
from facemodel.reference import render as render_reference
from facemodel.rotation import matrix_from_euler
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from tests.realtime.test_render import interior, scene
from tests.toy_model import occluded_toy_model, toy_model
from training.data.inner_mouth import inner_mouth_area
from training.losses import paper_losses
from training.render import mesh_operations
from training.render.mouth_patch import coverage
from training.render.renderer import Renderer, Rendering

GROUPS = (
    *("identity", "expression", "albedo", "rotation", "translation", "scale"),
    *("sh", "key_position", "key_color", "shininess"),
)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture(scope="module")
def toy_renderer(toy: FaceModel) -> Renderer:
    return Renderer(toy).double()


def batch(*vectors: NDArray) -> Tensor:
    return torch.from_numpy(np.stack(vectors)).double()


def posed(model: FaceModel, yaw: float = 0.0, **weights: float) -> NDArray[np.float32]:
    """A mean face in the middle of the crop, turned, with some expression weights."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.rotation = matrix_from_euler(yaw, 0.0, 0.0)
    p.translation[:] = CROP_SIZE / 2
    p.scale = 0.95
    for name, weight in weights.items():
        p.expression[model.expression_names.index(name)] = weight
    return vector


def check_against_reference(model: FaceModel, rendering: Rendering, row: int, vector: NDArray, exact: bool) -> None:
    expected = render_reference(model, vector, CROP_SIZE, CROP_SIZE)
    covered = rendering.covered[row].numpy() > 0
    different = (covered != expected.mask).sum()
    assert different == 0 if exact else different < 3
    both = covered & expected.mask
    assert both.sum() > 5000
    for name in ("diffuse", "specular"):
        ours, theirs = getattr(rendering, name)[row].numpy(), getattr(expected, name)
        assert theirs.max() > 0.01
        atol = 1e-5 if exact else 1e-4  # processors round differently; a step of 8 bits is 4e-3
        np.testing.assert_allclose(ours[both], theirs[both], atol=atol, rtol=1e-5, err_msg=name)
        assert not ours[~covered].any()
    is_face = model.triangle_region[expected.triangle] == model.region_names.index("face")
    face = (rendering.mask[row].numpy() > 0)[both]
    assert (face != is_face[both]).sum() == 0 if exact else (face != is_face[both]).mean() < 1e-3
    assert set(np.unique(rendering.mask.numpy())) == {0.0, 1.0}


def test_pictures_are_the_references(toy: FaceModel, toy_renderer: Renderer) -> None:
    vectors = [scene(toy, number) for number in range(3)]
    rendering = toy_renderer(batch(*vectors))
    for row, vector in enumerate(vectors):
        check_against_reference(toy, rendering, row, vector, exact=True)


def test_occluded_pictures_are_the_references() -> None:
    occluded = occluded_toy_model()
    vector = scene(occluded, 1)
    rendering = Renderer(occluded).double()(batch(vector))
    check_against_reference(occluded, rendering, 0, vector, exact=True)
    open_sky = render_reference(replace(occluded, occlusion=np.ones_like(occluded.occlusion)), vector, 64, 64)
    dark = render_reference(occluded, vector, 64, 64)
    for name in ("diffuse", "specular"):
        assert getattr(dark, name).sum() < 0.9 * getattr(open_sky, name).sum()


def test_default_model_in_single_precision_is_the_references(model: FaceModel) -> None:
    vector = scene(model, 2)
    with torch.no_grad():
        check_against_reference(model, Renderer(model)(batch(vector).float()), 0, vector, exact=False)


def test_rotation_is_orthonormalised_when_read(toy: FaceModel, toy_renderer: Renderer) -> None:
    vector = scene(toy, 1)
    scaled = batch(vector)
    scaled[:, toy.layout.slices["rotation"]] *= 1.7
    for name in ("diffuse", "specular", "landmarks68"):
        torch.testing.assert_close(getattr(toy_renderer(scaled), name), getattr(toy_renderer(batch(vector)), name))


def test_pixels_are_those_of_glsl(model: FaceModel) -> None:
    """Diffuse, specular and both together, within one level of 255 wherever the surface is smooth."""
    vector = scene(model, 0)
    inside = interior(model, vector, render_reference(model, vector, CROP_SIZE, CROP_SIZE))
    assert inside.sum() > 5000
    with torch.no_grad():
        ours = Renderer(model)(batch(vector).float())
    pictures = {
        ViewMode.DIFFUSE: ours.diffuse,
        ViewMode.SPECULAR: ours.specular,
        ViewMode.OVERLAY: ours.diffuse + ours.specular,
    }
    with HeadlessComposer(model, CROP_SIZE, CROP_SIZE, samples=1) as renderer:
        for mode, linear in pictures.items():
            levels = paper_losses.encode_srgb(linear[0]).clamp(max=1.0).numpy()[..., ::-1] * 255.0
            glsl = renderer.render(None, vector, RenderOptions(mode=mode)).astype(float)
            assert np.abs(levels - glsl).max(axis=-1)[inside].max() <= 1.0, mode.value


def functional_of_pictures(rendering: Rendering) -> Tensor:
    """One smooth number that everything in a rendering has a part in."""
    total = torch.zeros((), dtype=torch.float64)
    for seed, picture in enumerate((rendering.diffuse, rendering.specular)):
        row, column = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in picture.shape[1:3]), indexing="ij")
        weight = torch.stack([torch.sin(0.11 * row + 0.07 * column + seed + c) for c in range(3)], dim=-1)
        total = total + (picture * weight).sum() * 1e-2 + picture.square().sum() * 1e-2
    points = torch.cat([rendering.landmarks478, rendering.landmarks68], dim=1)
    return (
        total + 1e-3 * points.square().mean() + 1e-2 * rendering.inner_mouth.square().sum() + rendering.lit.sin().sum()
    )


def check_gradients(model: FaceModel, renderer: Renderer, vector: NDArray) -> None:
    """Each group's gradient along random directions against central differences, which cross no pixel's edge."""
    parameters = batch(vector).requires_grad_()
    (gradient,) = torch.autograd.grad(functional_of_pictures(renderer(parameters)), parameters)
    generator = torch.Generator().manual_seed(0)
    for group in GROUPS:
        span = model.layout.slices[group]
        direction = torch.zeros_like(parameters)
        direction[:, span] = torch.randn(span.stop - span.start, dtype=torch.float64, generator=generator)
        scale = max(float(parameters.detach()[:, span].abs().max()), 1.0)
        step = 1e-7 * scale
        with torch.no_grad():
            ahead, behind = (functional_of_pictures(renderer(parameters + s * step * direction)) for s in (1, -1))
        numeric, analytic = float((ahead - behind) / (2 * step)), float((gradient * direction).sum())
        assert abs(analytic) > 1e-6, group
        assert analytic == pytest.approx(numeric, rel=2e-3, abs=1e-4), group


@pytest.mark.parametrize("number", [0, 2])
def test_gradient_of_every_group_is_that_of_finite_differences(
    toy: FaceModel, toy_renderer: Renderer, number: int
) -> None:
    check_gradients(toy, toy_renderer, scene(toy, number))


def test_gradient_of_the_default_model_is_that_of_finite_differences(model: FaceModel) -> None:
    check_gradients(model, Renderer(model, size=112).double(), scene(model, 1))


def test_gradient_stays_in_its_picture(toy: FaceModel, toy_renderer: Renderer) -> None:
    vectors = batch(scene(toy, 0), scene(toy, 1))
    together, alone = vectors.clone().requires_grad_(), vectors[1:].clone().requires_grad_()
    functional_of_pictures(_row(toy_renderer(together), 1)).backward()
    functional_of_pictures(toy_renderer(alone)).backward()
    assert not together.grad[0].any()
    torch.testing.assert_close(together.grad[1:], alone.grad)


def _row(rendering: Rendering, row: int) -> Rendering:
    return Rendering(**{name: value[row : row + 1] for name, value in vars(rendering).items()})


def test_compiled_operations_are_pytorchs() -> None:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, dtype=torch.float64, generator=generator)

    triangles = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 4, 0]], dtype=torch.int32)
    seen = torch.tensor([[0, 1, 2, -1], [2, 2, -1, 0]], dtype=torch.int32)
    places, values = random(2, 4, 2), random(2, 7, 4)
    results = []
    for suffix in ("", "_in_torch"):
        generator.manual_seed(2)
        vertices, attributes, pixels = (random(2, 5, n).requires_grad_() for n in (3, 7, 2))
        normals = getattr(mesh_operations, f"vertex_normals{suffix}")(vertices, triangles)
        shown = getattr(mesh_operations, f"interpolate{suffix}")(attributes, pixels, triangles, seen, places)
        assert shown.shape == values.shape
        ((normals * vertices.detach().sin()).sum() + (shown * values).sum()).backward()
        results.append((normals, shown, vertices.grad, attributes.grad, pixels.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_triangle_without_area_passes_a_finite_gradient() -> None:
    pixels = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]], dtype=torch.float64, requires_grad=True)
    attributes = torch.rand(1, 3, 2, dtype=torch.float64, requires_grad=True)
    triangles, seen = torch.tensor([[0, 1, 2]], dtype=torch.int32), torch.zeros(1, 1, dtype=torch.int32)
    place = torch.tensor([[[0.5, 0.5]]], dtype=torch.float64)
    mesh_operations.interpolate(attributes, pixels, triangles, seen, place).sum().backward()
    assert torch.isfinite(pixels.grad).all() and torch.isfinite(attributes.grad).all()


def test_smaller_pictures_show_the_same_crop(toy: FaceModel, toy_renderer: Renderer) -> None:
    vector = batch(scene(toy, 0))
    large, small = toy_renderer(vector), toy_renderer(vector, size=56)
    assert small.diffuse.shape == (1, 56, 56, 3) and small.inner_mouth.shape == (1, 56, 56)
    torch.testing.assert_close(small.landmarks478, large.landmarks478)
    assert float(small.covered.mean()) == pytest.approx(float(large.covered.mean()), abs=0.01)
    averaged = large.diffuse.unflatten(1, (56, 4)).unflatten(3, (56, 4)).mean(dim=(2, 4))
    inside = torch.nn.functional.avg_pool2d(large.covered[None], 4)[0] == 1.0
    assert float((averaged - small.diffuse)[inside].abs().mean()) < 0.01


def test_drawing_some_regions_leaves_what_is_seen_of_them_as_it_is(toy: FaceModel, toy_renderer: Renderer) -> None:
    vector = batch(posed(toy, yaw=0.3, jawOpen=0.5))
    whole, part = toy_renderer(vector), Renderer(toy, regions=("face", "eyes")).double()(vector)
    face = (whole.mask > 0) & (part.mask > 0)
    assert face.sum() > 5000 and part.covered.sum() < whole.covered.sum()
    torch.testing.assert_close(part.diffuse[face], whole.diffuse[face])
    for name in ("inner_mouth", "landmarks478", "landmarks68", "lit"):
        torch.testing.assert_close(getattr(part, name), getattr(whole, name))
    with pytest.raises(LimelightError, match="no region 'hair'"):
        Renderer(toy, regions=("hair",))


def test_lit_colours_and_landmarks_are_the_models(toy: FaceModel, toy_renderer: Renderer) -> None:
    vector = scene(toy, 2).astype(np.float64)
    p = toy.layout.view(vector)
    vertices = toy.shape(p.identity, p.expression)
    rendering = toy_renderer(batch(vector))
    for ours, points in (
        (rendering.landmarks478, toy.landmarks478(vertices)),
        (rendering.landmarks68, toy.landmarks68(vertices)),
    ):
        np.testing.assert_allclose(ours[0], project(points, p.rotation, p.translation, p.scale), atol=1e-4)
    face = toy.region_vertices("face")
    expected = shade_diffuse(toy.albedo(p.albedo)[0], toy.normals(vertices) @ p.rotation.T, p.sh)[face]
    np.testing.assert_allclose(rendering.lit[0], expected, atol=1e-6)


def test_coverage_is_the_exact_area_and_its_gradient() -> None:
    corners = torch.tensor([[[[1.3, 0.6], [6.2, 2.1], [2.4, 5.7]]]], dtype=torch.float64, requires_grad=True)
    counted = torch.ones(1, 1, dtype=torch.bool)
    image = coverage(corners, counted, 8)
    u, v = (corners.detach()[0, 0, i] - corners.detach()[0, 0, 0] for i in (1, 2))
    area = image.detach().sum()
    assert float(area) == pytest.approx(float((u[0] * v[1] - u[1] * v[0]) / 2))
    fine = (torch.arange(8 * 64, dtype=torch.float64) + 0.5) / 64
    y, x = torch.meshgrid(fine, fine, indexing="ij")
    inside = torch.ones_like(x, dtype=torch.bool)
    for i in range(3):
        a, b = corners[0, 0, i].detach(), corners[0, 0, (i + 1) % 3].detach()
        inside &= (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0
    sampled = torch.nn.functional.avg_pool2d(inside[None].double(), 64)[0]
    torch.testing.assert_close(image[0].detach(), sampled, atol=0.02, rtol=0.0)
    torch.testing.assert_close(coverage(corners.flip(2), counted, 8), -image)
    assert not coverage(corners, ~counted, 8).any()
    partly_outside = corners.detach() + torch.tensor([-3.1, 4.2], dtype=torch.float64)
    for shape in (corners.detach(), partly_outside):
        assert torch.autograd.gradcheck(lambda c: coverage(c, counted, 8), shape.clone().requires_grad_(), eps=1e-6)


def test_inner_mouth_is_the_area_between_the_lips(model: FaceModel) -> None:
    renderer = Renderer(model)
    with torch.no_grad():
        frontal, turned, away = renderer(
            batch(*(posed(model, yaw, jawOpen=0.5) for yaw in (0.0, 0.6, 2.5))).float()
        ).inner_mouth
        closed, crossed = renderer(
            batch(posed(model, mouthClose=0.0), posed(model, mouthClose=0.15)).float()
        ).inner_mouth
    assert float(frontal.max()) == pytest.approx(1.0, abs=1e-4)
    assert float(frontal.sum()) > 8 * float(closed.sum()) >= 0.0
    assert 0.6 * float(frontal.sum()) < float(turned.sum()) < float(frontal.sum())
    assert float(away.abs().sum()) < 1e-3
    assert float(crossed.min()) < -0.5


@pytest.mark.parametrize("opened", [True, False])
def test_inner_mouth_loss_opens_and_closes_the_mouth(model: FaceModel, opened: bool) -> None:
    """Descent of Eq. 11, with the label made from the true landmarks, finds the true opening from a wrong one."""
    renderer = Renderer(model)
    start, truth = (posed(model, jawOpen=weight) for weight in ((0.15, 0.4) if opened else (0.4, 0.15)))
    with torch.no_grad():
        label = renderer(batch(truth).float()).inner_mouth
        drawn = inner_mouth_area(renderer(batch(truth).float()).landmarks478[0].numpy(), CROP_SIZE)
    assert float((label[0] - torch.from_numpy(drawn)).abs().sum()) < 0.35 * float(max(label.sum(), 100.0))
    column = model.layout.slices["expression"].start + model.expression_names.index("jawOpen")
    parameters = batch(start).float().requires_grad_()
    loss = paper_losses.inner_mouth(renderer(parameters).inner_mouth, label)
    loss.sum().backward()
    assert loss.item() > 100.0
    assert (float(parameters.grad[0, column]) < 0.0) is opened


def test_face_outside_the_picture_is_nothing_with_finite_gradients(toy: FaceModel) -> None:
    renderer = Renderer(toy)
    vectors = [posed(toy) for _ in range(3)]
    toy.layout.view(vectors[0]).translation[:] = (-2000.0, 50.0)
    toy.layout.view(vectors[1]).scale = 1e-4
    toy.layout.view(vectors[2]).scale = 1e6
    parameters = batch(*vectors).float().requires_grad_()
    rendering = renderer(parameters)
    for name in ("diffuse", "specular", "mask", "covered", "inner_mouth"):
        assert not getattr(rendering, name)[0].any(), name
    picture = rendering.diffuse[0] + rendering.specular[0]
    black, everywhere = torch.zeros(1, CROP_SIZE, CROP_SIZE, 3), torch.ones(1, CROP_SIZE, CROP_SIZE)
    loss = paper_losses.photometric(black, picture[None], picture[None], everywhere, rendering.mask[:1], everywhere)
    (loss.sum() + rendering.inner_mouth.sum() + rendering.diffuse.sum() + rendering.specular.sum()).backward()
    assert torch.isfinite(parameters.grad).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_one_clear_error(toy: FaceModel, toy_renderer: Renderer, value: float) -> None:
    vectors = batch(posed(toy), posed(toy))
    vectors[1, toy.layout.slices["sh"].start + 2] = value
    with pytest.raises(LimelightError, match="sh of picture 1 is not finite"):
        toy_renderer(vectors)
    with pytest.raises(ValueError, match="parameters"):
        toy_renderer(vectors[:, :-1])
