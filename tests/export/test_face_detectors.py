"""The converted face detectors are the originals', and only the originals are converted."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from export import face_detectors
from export.face_detectors import ORIGINALS, Converter, greatest_difference, main, read_originals
from export.from_tflite import Original
from facemodel import LimelightError
from realtime.onnx_runtime import onnxruntime
from tests.export.tflite_builder import Builder, schema

ASSETS = Path(face_detectors.__file__).parent.parent / "realtime" / "assets"


def package(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"package/{name}.tflite")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


class Network(Builder):
    """A small network with every operator that the detectors have."""

    def reshaped(self, source, *shape) -> int:
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        return self.operator("RESHAPE", [source], shape, options, "ReshapeOptions")

    def build(self, extra: str | None = None) -> bytes:
        image = self.tensor((1, 16, 16, 3))
        first = self.operator("RELU", [self.convolution(image, (8, 8), (4, 5, 5, 3), stride=2)], (1, 8, 8, 4))
        pool = schema.Pool2DOptionsT()
        pool.filterHeight = pool.filterWidth = pool.strideH = pool.strideW = 2
        small = self.operator("MAX_POOL_2D", [first], (1, 4, 4, 4), pool, "Pool2DOptions")
        wide = self.operator(
            "PAD",
            [small, self.ints((0, 0), (0, 0), (0, 0), (0, 14))],
            (1, 4, 4, 18),
            schema.PadOptionsT(),
            "PadOptions",
        )
        deep = self.convolution(self.depthwise(first, (4, 4), 3, 4, 2), (4, 4), (18, 1, 1, 4), valid=True)
        both = self.operator("ADD", [wide, deep], (1, 4, 4, 18), schema.AddOptionsT(), "AddOptions")
        resize = schema.ResizeBilinearOptionsT()
        resize.halfPixelCenters = True
        large = self.operator(
            "RESIZE_BILINEAR", [both, self.ints(8, 8)], (1, 8, 8, 18), resize, "ResizeBilinearOptions"
        )
        if extra:
            large = self.operator(extra, [large], (1, 8, 8, 18))
        rows = []
        for width in (16, 1):
            parts = [
                self.reshaped(self.convolution(large, (8, 8), (width, 3, 3, 18)), 1, 64, width),
                self.reshaped(self.convolution(both, (4, 4), (2 * width, 1, 1, 18)), 1, 32, width),
            ]
            join = schema.ConcatenationOptionsT()
            join.axis = 1
            rows.append(self.operator("CONCATENATION", parts, (1, 96, width), join, "ConcatenationOptions"))
        return self.finish(image, rows[::-1])


@pytest.fixture(scope="module")
def small() -> bytes:
    return Network().build()


def pictures(side: int, count: int = 3) -> list[np.ndarray]:
    return list(np.random.default_rng(5).integers(0, 256, (count, side, side, 3), np.uint8))


def test_every_operator_computes_what_tensorflow_lite_does(small):
    model = Converter(small, "small")()
    assert greatest_difference(small, model, pictures(16)) < 1e-4


def test_a_wrong_weight_is_noticed(small):
    model = Converter(small, "small")()
    kernel = next(array for array in model.graph.initializer if array.name.endswith("kernel.half"))
    values = onnx.numpy_helper.to_array(kernel).copy()
    values.flat[0] += 1
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    assert greatest_difference(small, model, pictures(16)) > 1e-2


def test_an_operator_that_is_not_known_is_refused():
    with pytest.raises(LimelightError, match="TANH"):
        Converter(Network().build("TANH"), "other")()


def test_a_package_is_read_and_converted_or_refused(small, tmp_path, monkeypatch, capsys):
    with pytest.raises(LimelightError, match="not the npm package"):
        read_originals(tmp_path / "none.tgz")
    (tmp_path / "text.tgz").write_text("no archive")
    with pytest.raises(LimelightError, match="not the npm package"):
        read_originals(tmp_path / "text.tgz")
    with pytest.raises(LimelightError, match="not the npm package"):
        read_originals(package(tmp_path / "short.tgz", {ORIGINALS[0].name: small}))
    whole = package(tmp_path / "whole.tgz", {original.name: small for original in ORIGINALS})
    with pytest.raises(LimelightError, match="another version"):
        read_originals(whole)
    assert main([str(whole), "--out", str(tmp_path)]) == 1
    assert "another version" in capsys.readouterr().err
    import hashlib

    digest = hashlib.sha256(small).hexdigest()
    monkeypatch.setattr(face_detectors, "ORIGINALS", (Original("face_detection_full_range", digest),))
    assert main([str(whole), "--out", str(tmp_path / "out")]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "out" / "face_detection_full_range.onnx")
    assert [node.name for node in session.get_outputs()] == ["regressions", "scores"]


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original.name)
def test_the_files_that_ship_take_several_oblong_pictures(original):
    session = onnxruntime.InferenceSession(ASSETS / f"{original.name}.onnx")
    batch = np.random.default_rng(2).integers(0, 256, (2, 96, 160, 3), np.uint8)
    both = session.run(None, {"pictures": batch})
    for k in range(2):
        alone = session.run(None, {"pictures": batch[k : k + 1]})
        for several, one in zip(both, alone, strict=True):
            np.testing.assert_allclose(several[k], one[0], atol=1e-3)
