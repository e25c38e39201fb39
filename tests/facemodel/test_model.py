"""The face model: its file, what it refuses, and what it computes."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from facemodel import FaceModel, LimelightError
from tests.toy_model import occluded_toy_model, toy_model

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=4, n_expression=8, n_albedo=3)


@pytest.fixture(scope="module")
def arrays(toy, tmp_path_factory) -> Arrays:
    path = toy.save(tmp_path_factory.mktemp("model") / "toy.npz")
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def load_with(tmp_path, arrays: Arrays, **changes) -> FaceModel:
    """Load a file whose arrays are `arrays` with changes; a change of None drops the array."""
    merged = {key: value for key, value in (arrays | changes).items() if value is not None}
    path = tmp_path / "changed.npz"
    np.savez(path, **merged)
    return FaceModel.load(path)


def refusal(action: Callable[[], object]) -> str:
    """The one line with which `action` is refused."""
    with pytest.raises(LimelightError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_round_trip(toy, tmp_path):
    path = toy.save(tmp_path / "folder" / "toy.npz")
    loaded = FaceModel.load(path)
    for name in ("mean", "triangles", "uv", "uv_triangles", "triangle_region", "inner_mouth_triangles"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(toy, name))
    for name in ("identity", "expression", "diffuse_basis", "specular_basis"):
        np.testing.assert_allclose(getattr(loaded, name), getattr(toy, name), rtol=1e-3, atol=1e-6)
    assert loaded.layout == toy.layout
    assert (loaded.name, loaded.licence, loaded.region_names) == (toy.name, toy.licence, toy.region_names)
    assert loaded.mean.dtype == loaded.identity.dtype == np.float32


def test_digest_follows_the_content(toy, arrays, tmp_path):
    first = FaceModel.load(toy.save(tmp_path / "a.npz"))
    again = FaceModel.load(first.save(tmp_path / "b.npz"))
    assert first.digest == again.digest
    changed = load_with(tmp_path, arrays, mean=arrays["mean"] + np.float32(0.001))
    assert changed.digest != first.digest
    assert len(first.digest) == 16


def test_dimensions_come_from_the_file():
    small, large = toy_model(2, 5, 1), toy_model(9, 52, 6)
    assert (small.layout.n_identity, small.layout.n_expression, small.layout.n_albedo) == (2, 5, 1)
    assert (large.layout.n_identity, large.layout.n_expression, large.layout.n_albedo) == (9, 52, 6)


def test_every_array_is_needed(arrays, tmp_path):
    for key in arrays:
        assert f"'{key}'" in refusal(lambda key=key: load_with(tmp_path, arrays, **{key: None}))


def test_wrong_shapes_are_named(arrays, tmp_path):
    for key, array in arrays.items():
        if array.ndim == 0:
            continue
        message = refusal(lambda key=key, array=array: load_with(tmp_path, arrays, **{key: array[..., None]}))
        assert f"'{key}'" in message
        assert "shape" in message


def test_vertex_counts_that_disagree_are_named(arrays, tmp_path):
    for key in ("identity", "expression", "diffuse_basis", "specular_mean"):
        axis = arrays[key].ndim - 2
        cut = np.delete(arrays[key], -1, axis=axis)
        assert f"'{key}'" in refusal(lambda key=key, cut=cut: load_with(tmp_path, arrays, **{key: cut}))


def test_occlusion_is_kept_and_a_file_without_has_open_sky(arrays, tmp_path):
    occluded = occluded_toy_model()
    loaded = FaceModel.load(occluded.save(tmp_path / "occluded.npz"))
    np.testing.assert_array_equal(loaded.occlusion, occluded.occlusion)
    assert loaded.occlusion.dtype == np.float32
    assert "occlusion" not in arrays  # an open model's file, and hence its digest, is what it was
    plain = load_with(tmp_path, arrays)
    assert (plain.occlusion == 1.0).all() and plain.occluded() is plain


def test_occlusion_scales_both_albedos():
    occluded = occluded_toy_model()
    weights = np.full(len(occluded.diffuse_basis), 0.5)
    for found, open_sky in zip(occluded.occluded().albedo(weights), occluded.albedo(weights), strict=True):
        np.testing.assert_allclose(found, occluded.occlusion[:, None] * open_sky, atol=1e-6)
    assert (occluded.occluded().occlusion == 1.0).all()


def test_wrong_occlusion_is_refused(toy, arrays, tmp_path):
    for value in (-0.1, 1.1, np.nan):
        bad = np.full(toy.n_vertices, value, np.float32)
        assert "'occlusion'" in refusal(lambda bad=bad: load_with(tmp_path, arrays, occlusion=bad))
    short = np.ones(toy.n_vertices - 1, np.float32)
    assert "'occlusion': expected shape" in refusal(lambda: load_with(tmp_path, arrays, occlusion=short))


def test_values_that_are_not_finite_are_named(arrays, tmp_path):
    for key, array in arrays.items():
        if array.dtype.kind != "f" or key == "expression_range":
            continue
        for bad in (np.nan, np.inf):
            broken = array.copy()
            broken.flat[-1] = bad
            message = refusal(lambda key=key, broken=broken: load_with(tmp_path, arrays, **{key: broken}))
            assert f"'{key}'" in message


@pytest.mark.parametrize("key", ["mean", "identity", "landmarks68_barycentric", "eye_centres"])
def test_numbers_of_the_wrong_kind_are_named(arrays, tmp_path, key):
    broken = np.full(arrays[key].shape, "a")
    assert f"'{key}'" in refusal(lambda: load_with(tmp_path, arrays, **{key: broken}))


def test_indices_out_of_range_are_named(arrays, tmp_path):
    for key in (
        "triangles",
        "uv_triangles",
        "triangle_region",
        "inner_mouth_triangles",
        "landmarks68_triangles",
        "landmarks478_triangles",
    ):
        for bad in (-1, 10**6):
            broken = arrays[key].astype(np.int64)
            broken.flat[0] = bad
            message = refusal(lambda key=key, broken=broken: load_with(tmp_path, arrays, **{key: broken}))
            assert f"'{key}'" in message
            assert str(bad) in message
        message = refusal(lambda key=key: load_with(tmp_path, arrays, **{key: arrays[key].astype(np.float32)}))
        assert f"'{key}'" in message


def test_another_format_version_is_refused(arrays, tmp_path):
    message = refusal(lambda: load_with(tmp_path, arrays, format_version=np.array(2, np.int32)))
    assert "'format_version'" in message
    assert "2" in message


def test_a_missing_file_says_what_to_do(tmp_path):
    assert "limelight model build" in refusal(lambda: FaceModel.load(tmp_path / "none.npz"))


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused(toy, tmp_path, kept):
    content = toy.save(tmp_path / "toy.npz").read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    assert str(path) in refusal(lambda: FaceModel.load(path))


def test_damaged_bytes_are_refused(toy, tmp_path):
    content = bytearray(toy.save(tmp_path / "toy.npz").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path = tmp_path / "damaged.npz"
    path.write_bytes(bytes(content))
    assert str(path) in refusal(lambda: FaceModel.load(path))


@pytest.mark.parametrize("content", [b"hello", b"", b"PK\x03\x04nonsense", pickle.dumps({"mean": 1})])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    assert str(path) in refusal(lambda: FaceModel.load(path))


def test_a_single_array_file_is_refused(tmp_path):
    path = tmp_path / "array.npz"
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    assert str(path) in refusal(lambda: FaceModel.load(path))


def test_pickles_inside_are_never_run(arrays, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    content = io.BytesIO()
    np.save(content, np.array([Trap()], dtype=object), allow_pickle=True)
    path = tmp_path / "trap.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if key != "name"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("name.npy", content.getvalue())
    refusal(lambda: FaceModel.load(path))


def test_saving_where_it_cannot_be_written_says_so(toy, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(lambda: toy.save(tmp_path / "file" / "toy.npz"))


def test_shape_is_linear(toy):
    rng = np.random.default_rng(0)
    identity, expression = rng.normal(size=4), rng.uniform(size=8)
    expected = toy.mean.astype(float)
    for c, mode in zip(identity, toy.identity, strict=True):
        expected = expected + c * mode
    for c, mode in zip(expression, toy.expression, strict=True):
        expected = expected + c * mode
    np.testing.assert_allclose(toy.shape(identity, expression), expected, atol=1e-4)


def test_albedo_is_linear_and_never_negative(toy):
    diffuse, specular = toy.albedo(np.array([0.5, -0.5, 0.25]))
    blend = toy.diffuse_mean + np.tensordot([0.5, -0.5, 0.25], toy.diffuse_basis, axes=1)
    np.testing.assert_allclose(diffuse, np.maximum(blend, 0.0), atol=1e-6)
    far = toy.albedo(np.array([50.0, -50.0, 50.0]))
    assert min(far[0].min(), far[1].min()) >= 0.0
    assert specular.shape == diffuse.shape == (toy.n_vertices, 3)


def test_normals_against_trimesh(toy):
    vertices = toy.shape(np.array([1.0, -1.0, 0.5, 2.0]), np.full(8, 0.2)).astype(np.float64)
    mesh = trimesh.Trimesh(vertices, toy.triangles, process=False)
    a, b, c = (vertices[toy.triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    expected = trimesh.geometry.mean_vertex_normals(len(vertices), toy.triangles, mesh.face_normals * area[:, None])
    used = np.unique(toy.triangles[area > 1e-9])
    np.testing.assert_allclose(toy.normals(vertices)[used], expected[used], atol=1e-5)


def test_normals_point_outwards_on_the_face(toy):
    face = toy.region_vertices("face")
    outward = toy.mean[face] - toy.mean[face].mean(axis=0) * (1, 1, 0)
    assert ((toy.normals(toy.mean)[face] * outward).sum(axis=1) > 0).mean() > 0.95


def test_landmarks_are_barycentric_points_of_their_triangles(toy):
    vertices = np.random.default_rng(0).normal(size=(toy.n_vertices, 3))
    for name, count in (("landmarks68", 68), ("landmarks478", 478)):
        points = getattr(toy, name)(vertices)
        assert points.shape == (count, 3)
        triangles = getattr(toy, f"{name}_triangles")
        weights = getattr(toy, f"{name}_barycentric")
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
        i = count // 2
        np.testing.assert_allclose(points[i], weights[i] @ vertices[toy.triangles[triangles[i]]], atol=1e-6)
        assert getattr(toy, name)(vertices[:, :2]).shape == (count, 2)


def test_regions(toy):
    everything = toy.region_triangles(*toy.region_names)
    assert len(everything) == len(toy.triangles)
    both = toy.region_triangles("eyes", "teeth")
    assert len(both) == len(toy.region_triangles("eyes")) + len(toy.region_triangles("teeth"))
    np.testing.assert_array_equal(toy.region_vertices("tongue"), np.unique(toy.region_triangles("tongue")))
    message = refusal(lambda: toy.region_triangles("hair"))
    assert "hair" in message
    assert "face" in message
