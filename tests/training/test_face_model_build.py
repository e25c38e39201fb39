"""The geometry half of `limelight model build`: its parts on small meshes, its result on the embedded model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel
from facemodel.arkit import ARKIT_NAMES
from facemodel.errors import LimelightError
from training.face_model.build import fit_residual, orthogonalize, with_ages
from training.face_model.eyes import IRIS_RADIUS_MM, LIMBUS_MM, eyeball, rotation_displacement
from training.face_model.head_surface import on_curved_quads
from training.face_model.ict import load_ict
from training.face_model.makehuman import load_base_mesh
from training.face_model.mediapipe_face import load_canonical_face
from training.face_model.registration import lip_correspondences, similarity
from training.face_model.surface import (
    SidedLocator,
    SurfaceLocator,
    boundary_loops,
    continue_harmonically,
    fit_affine,
    fit_translation_scale,
    ring_arcs,
    triangle_normals,
    vertex_normals,
)
from training.face_model.topology import QuadMesh, close_marks, subdivide


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices ((rows + 1)(columns + 1), 3) and quads of a flat grid of unit squares facing +z."""
    y, x = np.mgrid[0 : rows + 1, 0 : columns + 1]
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(float)
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    return vertices, np.stack([corner, corner + 1, corner + columns + 2, corner + columns + 1], axis=1)


def split(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def edge_count(triangles: np.ndarray) -> np.ndarray:
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


def quad_mesh(rows: int, columns: int) -> QuadMesh:
    vertices, quads = grid(rows, columns)
    return QuadMesh(vertices, quads, vertices[:, :2], quads, np.full(len(quads), "skin"), np.arange(len(vertices)))


class TestSubdivision:
    @pytest.mark.parametrize("marked", [[5], [0, 5, 10], [5, 6], [1, 6, 9, 14]])
    def test_conforms_and_keeps_area_and_orientation(self, marked: list[int]) -> None:
        mesh = quad_mesh(4, 4)
        marks = np.isin(np.arange(16), marked)
        fine = subdivide(mesh, close_marks(mesh.quads, marks))
        vertices = fine.interpolation @ mesh.vertices
        a, b, c = (vertices[fine.triangles[:, k]] for k in range(3))
        signed = 0.5 * np.cross(b - a, c - a)[:, 2]
        assert (signed > 0).all()
        assert signed.sum() == pytest.approx(16)
        assert edge_count(fine.triangles).max() == 2
        # a T-junction would add boundary edges: every boundary edge lies on the grid's outline
        loops = boundary_loops(fine.triangles)
        assert len(loops) == 1
        on_outline = np.isin(vertices[loops[0]], [0, 4])[:, :2].any(axis=1)
        assert on_outline.all()

    def test_old_vertices_stay_and_uvs_follow(self) -> None:
        mesh = quad_mesh(2, 2)
        fine = subdivide(mesh, np.ones(4, dtype=bool))
        np.testing.assert_allclose((fine.interpolation @ mesh.vertices)[:9], mesh.vertices)
        points = (fine.interpolation @ mesh.vertices)[fine.triangles][..., :2]
        uvs = (fine.uv_interpolation @ mesh.uv)[fine.uv_triangles]
        np.testing.assert_allclose(points, uvs)

    def test_new_vertices_lie_on_the_curved_surface(self) -> None:
        mesh = quad_mesh(3, 3)
        flat = mesh.vertices[:, :2] * 12.0 - 18.0
        sphere = np.concatenate([flat, np.sqrt(80.0**2 - (flat**2).sum(axis=1, keepdims=True))], axis=1)
        fine = subdivide(mesh, np.ones(9, dtype=bool))
        curved = on_curved_quads(fine.interpolation, sphere, sphere / 80.0)
        np.testing.assert_array_equal(curved[: len(sphere)], sphere)
        assert np.abs(np.linalg.norm(fine.interpolation @ sphere, axis=1) - 80.0).max() > 0.4
        assert np.abs(np.linalg.norm(curved, axis=1) - 80.0).max() < 0.02


class TestSurface:
    def test_closest_point_in_triangle_on_edge_and_at_corner(self) -> None:
        vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], dtype=float)
        triangles = np.array([[0, 1, 2]])
        found = SurfaceLocator(vertices, triangles).closest(np.array([[0.5, 0.5, 1], [1, -3, 0], [5, -1, 0]]))
        points = found.interpolate(triangles, vertices)
        np.testing.assert_allclose(points, [[0.5, 0.5, 0], [1, 0, 0], [2, 0, 0]], atol=1e-12)
        np.testing.assert_allclose(found.distances, [1, 3, np.sqrt(10)])

    def test_normals_decide_between_two_sheets(self) -> None:
        vertices, quads = grid(2, 2)
        down = split(quads)[:, ::-1] + len(vertices)
        both = np.concatenate([vertices, vertices + [0, 0, 0.5]])
        locator = SurfaceLocator(both, np.concatenate([split(quads), down]))
        query = np.array([[1.0, 1.0, 0.4]])
        near = locator.closest(query)
        right = locator.closest(query, np.array([[0.0, 0.0, 1.0]]), normal_penalty=5.0)
        assert near.distances[0] == pytest.approx(0.1)
        assert right.distances[0] == pytest.approx(0.4)

    def test_lips_are_never_mistaken_for_each_other(self) -> None:
        vertices, quads = grid(2, 4)
        lower, upper = vertices, vertices + [0, 2.05, 0]
        triangles = np.concatenate([split(quads), split(quads) + len(vertices)])
        both = np.concatenate([lower, upper])
        sides = np.repeat([-1, 1], len(vertices))
        query = np.array([[1.5, 2.0, 0.0], [1.5, 2.0, 0.0]])
        normals = np.tile([0.0, 0.0, 1.0], (2, 1))
        found = SidedLocator(both, triangles, sides).closest(query, normals, np.array([1, -1]), 1.0)
        assert found.triangles[0] >= len(triangles) // 2
        assert found.triangles[1] < len(triangles) // 2

    def test_boundary_loop_runs_once_around(self) -> None:
        vertices, quads = grid(3, 5)
        (loop,) = boundary_loops(quads)
        assert len(loop) == 16
        np.testing.assert_allclose(np.linalg.norm(np.diff(vertices[loop], axis=0), axis=1), 1)


def mouth(height: float, rings: int = 16, around: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elliptical rings about a mouth slit: vertices, quads facing +z, and the innermost ring."""
    angle = 2 * np.pi * np.arange(around) / around
    radius = np.linspace(1, 3, rings)[:, None]
    x, y = 20 * radius * np.cos(angle), height * radius * np.sin(angle)
    vertices = np.stack([x, y, np.zeros_like(x)], axis=2).reshape(-1, 3)
    ring, k = (index.ravel() for index in np.mgrid[0 : rings - 1, 0:around])
    following = (k + 1) % around
    quads = np.stack(
        [ring * around + k, (ring + 1) * around + k, (ring + 1) * around + following, ring * around + following],
        axis=1,
    )
    return vertices, quads, np.arange(around)


class TestRegistration:
    def test_similarity_is_recovered(self) -> None:
        rng = np.random.default_rng(0)
        points = rng.standard_normal((20, 3))
        rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        rotation *= np.sign(np.linalg.det(rotation))
        scale, found, shift = similarity(points, 1.7 * points @ rotation.T + [1, 2, 3])
        assert scale == pytest.approx(1.7)
        np.testing.assert_allclose(found, rotation, atol=1e-9)
        np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-9)

    def test_arcs_meet_at_the_corners(self) -> None:
        vertices, _, loop = mouth(5.0)
        upper, lower = (vertices[arc] for arc in ring_arcs(vertices, loop))
        assert upper[0, 0] == upper[:, 0].min()
        assert upper[-1, 0] == upper[:, 0].max()
        np.testing.assert_allclose(upper[[0, -1]], lower[[0, -1]])
        assert upper[1:-1, 1].min() > 0 > lower[1:-1, 1].max()

    def test_lip_correspondences_keep_to_their_lip(self) -> None:
        source, source_quads, source_loop = mouth(1.0, around=24)
        target, target_quads, target_loop = mouth(4.0)
        vertices, points = lip_correspondences(
            source, source_quads, source_loop, target, split(target_quads), target_loop
        )
        off_corner = np.abs(source[vertices, 1]) > 0.05
        assert (np.sign(points[off_corner, 1]) == np.sign(source[vertices[off_corner], 1])).all()


class TestFields:
    def test_harmonic_continuation_of_a_linear_field_on_a_regular_patch(self) -> None:
        vertices, quads = grid(6, 6)
        values = vertices @ np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
        inside = (vertices[:, :2] > 0).all(axis=1) & (vertices[:, :2] < 6).all(axis=1)
        filled = continue_harmonically(split(quads), np.where(inside[:, None], np.nan, values), ~inside)
        np.testing.assert_allclose(filled, values, atol=1e-9)

    def test_rigid_models_reproduce_what_they_can_express(self) -> None:
        rng = np.random.default_rng(1)
        points, at = rng.standard_normal((30, 3)), rng.standard_normal((5, 3))
        grow = lambda x: 0.1 * (x - points.mean(axis=0)) + [1, 2, 3]  # noqa: E731
        np.testing.assert_allclose(fit_translation_scale(points, grow(points), at), grow(at), atol=1e-9)
        matrix = rng.standard_normal((3, 3))
        np.testing.assert_allclose(fit_affine(points, points @ matrix + 1, at), at @ matrix + 1, atol=1e-9)


class TestEyeball:
    def test_is_a_closed_sphere_with_a_limbus(self) -> None:
        ball = eyeball(14.0)
        np.testing.assert_allclose(np.linalg.norm(ball.vertices, axis=1), 14.0)
        assert (edge_count(ball.triangles) == 2).all()
        outward = (triangle_normals(ball.vertices, ball.triangles) * ball.vertices[ball.triangles].mean(axis=1)).sum(1)
        assert (outward > 0).all()
        front = ball.vertices[ball.vertices[:, 2] > 0]
        distance = np.abs(np.hypot(front[:, 0], front[:, 1]) - IRIS_RADIUS_MM)
        assert (np.abs(distance - LIMBUS_MM) < 0.05).sum() == 48  # two rings of 24 bound the limbus

    def test_looking_up_turns_the_pole_up(self) -> None:
        pole = np.array([[0.0, 0.0, 10.0]])
        moved = pole + rotation_displacement(pole, np.array([-1.0, 0.0, 0.0]), 25.0)
        np.testing.assert_allclose(moved, [[0, 10 * np.sin(np.radians(25)), 10 * np.cos(np.radians(25))]])


class TestIdentity:
    def test_modes_become_orthogonal_ordered_and_keep_the_covariance(self) -> None:
        rng = np.random.default_rng(2)
        modes = rng.standard_normal((6, 40, 3)) * np.arange(1, 7)[:, None, None]
        weights = rng.uniform(0, 1, 40)
        basis, rotation, kept = orthogonalize(modes, weights, count=6)
        flat = (basis * np.sqrt(weights)[:, None]).reshape(len(basis), -1)
        gram = flat @ flat.T
        np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-8)
        assert (np.diff(np.diag(gram)) < 0).all()
        assert kept == pytest.approx(1.0)
        z = rng.standard_normal(6)
        np.testing.assert_allclose(np.tensordot(rotation @ z, basis, axes=1), np.tensordot(z, modes, axes=1))

    def test_keeps_no_more_modes_than_asked(self) -> None:
        modes = np.zeros((3, 3, 3))
        modes[0, 0, 0], modes[1, 1, 1], modes[2, 2, 2] = 10, 1, 0.01
        basis, _, kept = orthogonalize(modes, np.ones(3), count=1)
        assert len(basis) == 1
        assert kept == pytest.approx(100 / 101, abs=1e-4)

    def test_ages_make_old_faces_reachable(self) -> None:
        rng = np.random.default_rng(2)
        weights = rng.random(40)
        modes, ages = rng.standard_normal((4, 40, 3)), rng.standard_normal((2, 40, 3))
        alone, _, _ = orthogonalize(modes, weights, count=4)
        aged, _, _ = orthogonalize(with_ages(modes, ages, share=0.5), weights, count=6)
        old = ages.sum(axis=0, keepdims=True)
        assert fit_residual(alone, weights, old) > 1.0
        assert fit_residual(aged, weights, np.concatenate([old, modes])) < 1e-9


class TestEmbeddedModel:
    """What the build promises, measured on the face model that is shipped."""

    def test_names_sizes_and_pose(self, model: FaceModel) -> None:
        assert model.expression_names == ARKIT_NAMES
        assert 6000 <= model.n_vertices <= 10_000
        np.testing.assert_allclose(model.eye_centres.mean(axis=0), [0, 0, 60], atol=0.01)
        assert model.eye_centres[0, 0] > 25
        assert model.eye_centres[1, 0] < -25

    def test_left_and_right_are_the_subjects(self, model: FaceModel) -> None:
        for name in ("eyeBlinkLeft", "mouthSmileLeft", "browDownLeft", "noseSneerLeft"):
            weight = np.linalg.norm(model.expression[ARKIT_NAMES.index(name)], axis=1)
            assert (weight * model.mean[:, 0]).sum() / weight.sum() > 10, name
        for name in ("jawLeft", "mouthLeft"):
            assert model.expression[ARKIT_NAMES.index(name), :, 0].sum() > 0, name

    def test_eyes_close_and_the_lips_are_closed_in_neutral(self, model: FaceModel) -> None:
        weights = np.zeros(len(ARKIT_NAMES))
        weights[[ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]] = 1
        neutral = model.landmarks478(model.mean)
        closed = model.landmarks478(model.shape(np.zeros(len(model.identity)), weights))
        for upper, lower in ((159, 145), (386, 374)):
            opened, shut = (points[upper, 1] - points[lower, 1] for points in (neutral, closed))
            assert opened > 7
            assert abs(shut) < 0.35 * opened
        assert abs(neutral[13, 1] - neutral[14, 1]) < 3

    def test_looking_turns_the_eyeballs_only_about_their_centres(self, model: FaceModel) -> None:
        irises = {"Left": 473, "Right": 468}
        for side, row in (("Left", 0), ("Right", 1)):
            for direction, expected in (("Up", [0, 1]), ("Down", [0, -1])):
                moved = self._iris_motion(model, f"eyeLook{direction}{side}", irises[side], row)
                assert np.dot(moved, expected) > 4
            inward = self._iris_motion(model, f"eyeLookIn{side}", irises[side], row)
            assert inward[0] * model.eye_centres[row, 0] < 0

    @staticmethod
    def _iris_motion(model: FaceModel, name: str, iris: int, row: int) -> np.ndarray:
        weights = np.zeros(len(ARKIT_NAMES))
        weights[ARKIT_NAMES.index(name)] = 1
        before = model.landmarks478(model.mean)[iris]
        after = model.landmarks478(model.shape(np.zeros(len(model.identity)), weights))[iris]
        centre = model.eye_centres[row]
        assert np.linalg.norm(after - centre) == pytest.approx(np.linalg.norm(before - centre), rel=0.03)
        return (after - before)[:2]

    def test_lower_teeth_follow_the_chin(self, model: FaceModel) -> None:
        jaw_open = model.expression[ARKIT_NAMES.index("jawOpen")]
        teeth = model.region_vertices("teeth")
        moving = teeth[np.linalg.norm(jaw_open[teeth], axis=1) > 1]
        chin = model.landmarks478(jaw_open)[152]
        assert 0.3 * len(teeth) < len(moving) < 0.7 * len(teeth)
        front = moving[model.mean[moving, 2].argmax()]
        assert np.linalg.norm(jaw_open[front] - chin) < 0.35 * np.linalg.norm(chin)

    def test_identity_is_orthogonal_on_the_face(self, model: FaceModel) -> None:
        face = model.region_vertices("face")
        flat = model.identity[:, face].reshape(len(model.identity), -1)
        norms = np.linalg.norm(flat, axis=1)
        cosine = np.abs(flat @ flat.T) / np.outer(norms, norms)
        np.fill_diagonal(cosine, 0)
        assert cosine[:20, :20].max() < 0.35  # weights per vertex differ from weights by area
        assert norms[0] > norms[-1] * 3

    def test_inner_mouth_patch_closes_the_lips_without_new_vertices(self, model: FaceModel) -> None:
        patch = model.inner_mouth_triangles
        normals = triangle_normals(model.mean.astype(float), patch)
        assert (normals[:, 2] > 0).all()
        (loop,) = boundary_loops(patch)
        assert len(loop) == len(patch) + 2  # a fan-like strip: no interior vertices

    def test_landmarks_lie_where_they_should(self, model: FaceModel) -> None:
        points = model.landmarks478(model.mean)
        assert points[:, 2].argmax() in (1, 4, 44, 274, 19, 45, 275)  # tip of the nose
        np.testing.assert_allclose(points[33] * [-1, 1, 1], points[263], atol=0.6)
        np.testing.assert_allclose(points[473], model.eye_centres[0] + [0, 0, points[473, 2] - 60], atol=0.1)
        vertex = vertex_normals(model.mean.astype(float), model.triangles)
        assert vertex[model.triangles[model.landmarks478_triangles[4]], 2].min() > 0.3


class TestSources:
    def test_ict_gives_every_arkit_shape_but_tongue_out(self, sources: Path) -> None:
        ict = load_ict(sources / "face_model/ict")
        missing = [name for name in ARKIT_NAMES if ict.arkit_shape(name) is None]
        assert missing == ["tongueOut"]
        both = ict.arkit_shape("browInnerUp")
        np.testing.assert_allclose(both, ict.expression["browInnerUp_L"] + ict.expression["browInnerUp_R"])

    def test_canonical_face_is_its_own_mirror_image(self, sources: Path) -> None:
        face = load_canonical_face(sources / "face_model/mediapipe")
        assert (face.mirror[face.mirror] == np.arange(478)).all()
        np.testing.assert_allclose(face.symmetrize(face.points), face.points, atol=0.01)
        assert face.pose_weights.sum() > 0.1

    def test_missing_sources_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(LimelightError, match=r"ict_basis\.npz is missing"):
            load_ict(tmp_path)
        with pytest.raises(LimelightError, match=r"base\.obj is missing"):
            load_base_mesh(tmp_path)
        with pytest.raises(LimelightError, match="canonical face"):
            load_canonical_face(tmp_path)
