"""USD as Pixar's own library finds it, with the checks of usdchecker."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.lighting import COSINE_LOBE, sh_basis
from realtime.frame_rate import FrameRate, Timecode
from realtime.takes import load_take
from realtime.takes.clip import Clip, ClipEdit
from realtime.takes.exporters import export_take
from realtime.takes.scene.head import Head
from realtime.takes.scene.light import latitude_longitude
from tests.realtime.moving_head import Expected, moving_take, parameters
from tests.realtime.take_factory import result, write_take
from tests.toy_model import toy_model

Usd = pytest.importorskip("pxr.Usd")
from pxr import Gf, UsdGeom, UsdLux, UsdSkel, UsdValidation  # noqa: E402


@pytest.fixture(scope="module")
def face_model():
    return toy_model()


@pytest.fixture(scope="module")
def take(face_model, tmp_path_factory):
    return moving_take(tmp_path_factory.mktemp("take") / "take.mcap", face_model)


@pytest.fixture(scope="module", params=["usdz", "usdc", "usda"])
def stage(take, tmp_path_factory, request):
    (path,) = export_take(take, "usd", tmp_path_factory.mktemp("usd") / f"take.{request.param}")
    return Usd.Stage.Open(str(path))


def complaints(stage) -> list[str]:
    """What the validators of usdchecker say, warnings too."""
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) >= 30
    return [error.GetMessage() for error in UsdValidation.ValidationContext(validators).Validate(stage)]


def test_usdchecker_has_nothing_to_say(stage):
    assert complaints(stage) == []


def test_usdchecker_would_say_something(stage):
    stage.SetEditTarget(stage.GetSessionLayer())
    try:
        stage.GetPrimAtPath("/take/head/skel/face").RemoveAPI(UsdSkel.BindingAPI)
        assert complaints(stage) != []
    finally:
        stage.GetSessionLayer().Clear()


@pytest.mark.parametrize("index", [*range(0, 61, 10), 35])
def test_every_frame_shows_the_face_as_the_take_does(stage, take, face_model, index):
    expected = Expected(face_model, index)
    mesh = UsdGeom.Mesh.Get(stage, "/take/head/skel/face")
    cache = UsdSkel.Cache()
    root = UsdSkel.Root.Get(stage, "/take/head/skel")
    cache.Populate(root, Usd.PrimDefaultPredicate)
    skeleton = cache.GetSkelQuery(UsdSkel.Skeleton.Get(stage, "/take/head/skel/skeleton"))
    animation = skeleton.GetAnimQuery()
    assert list(animation.GetBlendShapeOrder()) == list(ARKIT_NAMES)
    weights = np.array(animation.ComputeBlendShapeWeights(index))
    np.testing.assert_allclose(weights, expected.channels.weights, atol=1e-6)
    assert np.abs(np.array(skeleton.ComputeSkinningTransforms(index)) - np.eye(4)).max() < 1e-6
    points = np.array(mesh.GetPointsAttr().Get(), float)
    for name, weight in zip(mesh.GetPrim().GetAttribute("skel:blendShapes").Get(), weights, strict=True):
        shape = UsdSkel.BlendShape.Get(stage, mesh.GetPath().AppendChild(name))
        points[np.array(shape.GetPointIndicesAttr().Get(), int)] += weight * np.array(shape.GetOffsetsAttr().Get())
    world = np.array(mesh.ComputeLocalToWorldTransform(index))
    points = points @ world[:3, :3] + world[3, :3]
    source = Head.of(Clip(take).model).skin.source
    np.testing.assert_allclose(points, expected.vertices()[source], atol=2e-5)
    for name, rotation in zip(("leftEye", "rightEye"), expected.eye_rotations(), strict=True):
        eye = UsdGeom.Mesh.Get(stage, f"/take/head/{name}")
        turned = np.array(eye.ComputeLocalToWorldTransform(index))[:3, :3].T
        assert np.abs(turned - rotation).max() < 0.0017  # a tenth of a degree
    key = UsdLux.SphereLight.Get(stage, "/take/keyLight")
    place = key.ComputeLocalToWorldTransform(index).ExtractTranslation()
    np.testing.assert_allclose(place, expected.key_position(), atol=1e-5)
    np.testing.assert_allclose(
        np.array(stage.GetPrimAtPath("/take/dome").GetAttribute("limelight:sh").Get(index)),
        expected.channels.sh,
        atol=1e-6,
    )


def test_time_is_in_frames_and_space_in_metres(stage):
    assert (stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (30.0, 0.0, 60.0)
    assert (UsdGeom.GetStageMetersPerUnit(stage), UsdGeom.GetStageUpAxis(stage)) == (1.0, "Y")
    camera = UsdGeom.Camera.Get(stage, "/take/camera").GetCamera(0)
    assert camera.GetFieldOfView(Gf.Camera.FOVHorizontal) == pytest.approx(60.0, abs=1e-4)


def test_a_resampled_take_has_a_whole_number_of_codes_and_its_timecode(take, tmp_path):
    edit = ClipEdit(rate=FrameRate.parse("23.976"), start=Timecode.parse("01:00:00:00", FrameRate.parse("23.976")))
    (path,) = export_take(take, "usd", tmp_path / "take.usdc", edit=edit)
    stage = Usd.Stage.Open(str(path))
    assert stage.GetTimeCodesPerSecond() == pytest.approx(24000 / 1001)
    weights = UsdSkel.Animation.Get(stage, "/take/head/skel/skeleton/animation").GetBlendShapeWeightsAttr()
    assert weights.GetTimeSamples() == [float(code) for code in range(48)]
    assert dict(stage.GetRootLayer().customLayerData) == {"timecode": "01:00:00:00"}


def test_the_key_light_is_as_bright_at_the_head_as_in_the_take(stage, face_model):
    light = UsdLux.SphereLight.Get(stage, "/take/keyLight")
    distance = 0.001 * np.linalg.norm(Expected(face_model, 10).channels.key_position)
    np.testing.assert_allclose(light.GetColorAttr().Get(10), np.array([0.8, 0.6, 0.5]) / 0.8, rtol=1e-6)
    radiance, radius = light.GetIntensityAttr().Get(10), light.GetRadiusAttr().Get()
    assert radiance * (radius / distance) ** 2 == pytest.approx(0.8, rel=1e-4)  # what white paper sends back


def test_the_picture_of_the_dome_is_the_sh_light(face_model):
    sh = face_model.layout.view(parameters(face_model, 0)).sh.astype(float)
    picture = latitude_longitude(sh, 64)
    for direction, (row, column) in {
        (0.0, 0.0, 1.0): (32, 64),  # longitude 0 is the middle
        (1.0, 0.0, 0.0): (32, 32),  # OpenEXR's longitudes fall from left to right
        (-1.0, 0.0, 0.0): (32, 96),
        (0.0, 1.0, 0.0): (0, 64),
    }.items():
        radiance = sh_basis(np.array(direction)) @ (sh / COSINE_LOBE[:, None])
        np.testing.assert_allclose(picture[row, column], radiance, atol=0.04)


def test_a_take_that_does_not_know_its_rate_counts_30_frames_a_second(tmp_path):
    take = load_take(write_take(tmp_path / "take.mcap", [result(i) for i in range(3)], fps=0.0))
    (path,) = export_take(take, "usd", tmp_path / "take.usdc")
    stage = Usd.Stage.Open(str(path))
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (30.0, 2.0)


def test_another_end_of_the_name_is_refused(take, tmp_path):
    with pytest.raises(LimelightError, match=r"a usd file ends in \.usdz, \.usdc, \.usda, \.usd, not in \.obj"):
        export_take(take, "usd", tmp_path / "take.obj")
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_it_says_what_to_install(take, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    monkeypatch.delitem(sys.modules, "realtime.takes.usd_stage", raising=False)
    with pytest.raises(LimelightError, match=r"USD needs one more package \(pxr\): pip install 'limelight\[export\]'"):
        export_take(take, "usd", tmp_path / "take.usdz")
