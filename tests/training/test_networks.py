"""The student: its backbone's weights, its outputs, and what the decoder guarantees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from training.networks import (
    Lite0,
    NetworkCheckpoint,
    ParameterDecoder,
    ResNet50Config,
    ResNet50Regressor,
    Student,
    StudentConfig,
    lite0,
    load_network,
)
from training.networks.lite0 import SameConv2d

SMALL = StudentConfig(resolution=64, head_channels=8, hidden=16)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


@pytest.fixture(scope="module")
def labels(toy: FaceModel) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = np.tile(toy.layout.neutral(), (40, 1)) + rng.normal(0, 0.1, (40, toy.layout.size)).astype(np.float32)
    return np.stack([toy.layout.constrain(vector) for vector in vectors])


def test_backbone_keeps_space_and_rounds_up() -> None:
    with torch.inference_mode():
        assert Lite0().eval()(torch.zeros(1, 3, 112, 112)).shape == (1, 320, 4, 4)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(7, 3, 2), (14, 5, 2), (8, 3, 2), (7, 5, 1)])
def test_same_padding_is_tensorflows(side: int, kernel: int, stride: int) -> None:
    """Output i sees inputs i * stride - before ... where before = floor(total / 2): the surplus is at the end."""
    conv = SameConv2d(1, 1, kernel, stride, bias=False)
    torch.nn.init.ones_(conv.weight)
    image = torch.arange(side * side, dtype=torch.float32).reshape(1, 1, side, side)
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    padded = np.pad(image[0, 0].numpy(), (total // 2, total - total // 2))
    expected = [
        [padded[i * stride : i * stride + kernel, j * stride : j * stride + kernel].sum() for j in range(out)]
        for i in range(out)
    ]
    np.testing.assert_allclose(conv(image)[0, 0].detach().numpy(), expected)


def test_backbone_takes_every_published_weight(tmp_path, monkeypatch) -> None:
    """A file with the published names fills every tensor of ours; one without them is refused."""
    ours = Lite0()
    names = _published_names(ours)
    published = {theirs: torch.full_like(ours.state_dict()[mine], i) for i, (mine, theirs) in enumerate(names.items())}
    torch.save({**published, "_conv_head.weight": torch.zeros(1), "_fc.bias": torch.zeros(1)}, tmp_path / "w.pth")
    monkeypatch.setattr(lite0, "fetch", lambda *_: tmp_path / "w.pth")
    ours.load_pretrained(tmp_path)
    for i, mine in enumerate(names):
        assert (ours.state_dict()[mine] == i).all(), mine
    torch.save({"other": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(LimelightError, match="not EfficientNet-Lite0"):
        ours.load_pretrained(tmp_path)


def test_damaged_cached_weights_are_refused(tmp_path) -> None:
    (tmp_path / "efficientnet-lite0-57934424.pth").write_bytes(b"half a file")
    with pytest.raises(LimelightError, match="wrong checksum"):
        Lite0().load_pretrained(tmp_path)


def test_decoder_inverts_raw_and_standardises(toy: FaceModel, labels: np.ndarray) -> None:
    decoder = ParameterDecoder(toy.layout, labels)
    truth = torch.from_numpy(labels)
    outputs = (decoder.raw(truth) - decoder.mean) / decoder.std
    decoded = decoder(outputs)
    span = toy.layout.slices["rotation"]
    for i, vector in enumerate(labels):
        np.testing.assert_allclose(
            toy.layout.view(decoded[i].numpy()).rotation, toy.layout.view(vector).rotation, atol=1e-5
        )
    rest = np.delete(np.arange(toy.layout.size), np.arange(span.start, span.stop))
    np.testing.assert_allclose(decoded[:, rest], truth[:, rest], rtol=1e-4, atol=1e-4)


def test_decoder_gives_only_what_a_face_can_do(toy: FaceModel, labels: np.ndarray) -> None:
    decoder = ParameterDecoder(toy.layout, labels)
    wild = decoder(torch.randn(64, toy.layout.size, generator=torch.Generator().manual_seed(1)) * 30).numpy()
    close, jaw = toy.layout.mouth_close_and_jaw_open
    for vector in wild:
        p = toy.layout.view(vector)
        assert p.expression.min() >= 0 and p.expression.max() <= 1
        assert p.expression[close] <= p.expression[jaw]
        assert p.scale > 0 and p.key_color.min() >= 0 and 1 <= p.shininess <= 200.01
        six = vector[toy.layout.slices["rotation"]].reshape(2, 3)
        np.testing.assert_allclose(six @ six.T, np.eye(2), atol=1e-5)


def test_gradient_survives_the_bounds(toy: FaceModel) -> None:
    """A weight predicted far below 0 must still be pulled up by its label."""
    decoder = ParameterDecoder(toy.layout)
    outputs = torch.full((1, toy.layout.size), -3.0, requires_grad=True)
    (1.0 - decoder(outputs)[:, toy.layout.slices["expression"]]).sum().backward()
    gradient = outputs.grad[0, toy.layout.slices["expression"]]
    assert (gradient < 0).all()


def test_no_gradient_takes_what_is_beyond_a_bound_further(toy: FaceModel) -> None:
    """An error of another unit would, whenever a negative weight could make up for it; nothing would call it back."""
    decoder = ParameterDecoder(toy.layout)
    span = toy.layout.slices["expression"]
    outputs = torch.zeros(2, toy.layout.size)
    outputs[0, span], outputs[1, span] = -0.5 / decoder.std[span], 1.5 / decoder.std[span]
    outputs.requires_grad_()
    decoder(outputs)[:, span].sum().backward()  # descent makes both smaller
    assert (outputs.grad[0, span] == 0).all()
    assert (outputs.grad[1, span] > 0).all()


def test_unbounded_expression_is_left_alone() -> None:
    model = toy_model(n_identity=3, n_expression=4, n_albedo=2)
    layout = type(model.layout)(3, 2, ("e0", "e1"), (-np.inf, np.inf))
    outputs = torch.full((1, layout.size), -7.0)
    assert (ParameterDecoder(layout)(outputs)[0, layout.slices["expression"]] == -7.0).all()


def test_student_starts_at_the_mean_label(toy: FaceModel, labels: np.ndarray) -> None:
    torch.manual_seed(0)
    network = Student(SMALL, toy.layout, labels).eval()
    with torch.inference_mode():
        parameters, confidence = network(torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
    assert parameters.shape == (2, toy.layout.size) and confidence.shape == (2, 1)
    translation = parameters[0, toy.layout.slices["translation"]].numpy()
    spread = labels.std(axis=0)[toy.layout.slices["translation"]]
    assert (np.abs(translation - labels.mean(axis=0)[toy.layout.slices["translation"]]) < spread).all()


def test_frozen_blocks_stay_as_they_are(toy: FaceModel) -> None:
    network = Student(SMALL, toy.layout).train()
    before = {k: v.clone() for k, v in network.trunk.backbone.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    prediction = network.predict(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    prediction.parameters.sum().backward()
    optimizer.step()
    after = network.trunk.backbone.state_dict()
    changed = {k.split(".layers")[0] for k in before if not torch.equal(before[k], after[k])}
    assert "stem.0.weight" not in changed and not {"blocks.0", "blocks.1", "blocks.2"} & changed
    assert "blocks.3" in changed


def test_checkpoint_rebuilds_the_network(toy: FaceModel, labels: np.ndarray, tmp_path) -> None:
    network = Student(SMALL, toy.layout, labels).eval()
    torch.save({"network": NetworkCheckpoint.of(network, toy).to_dict()}, tmp_path / "c.pt")
    loaded = load_network(tmp_path / "c.pt")
    assert (loaded.model_digest, loaded.config, loaded.layout) == (toy.digest, SMALL, toy.layout)
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(loaded.build()(crop)[0], network(crop)[0])


def test_a_checkpoint_says_its_kind(toy: FaceModel, tmp_path) -> None:
    torch.manual_seed(0)
    network = ResNet50Regressor(ResNet50Config(resolution=32), toy.layout).eval()
    torch.save({"network": NetworkCheckpoint.of(network, toy).to_dict()}, tmp_path / "c.pt")
    loaded = load_network(tmp_path / "c.pt")
    assert (loaded.kind, loaded.config, loaded.layout) == ("resnet50", network.config, toy.layout)
    crop = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(loaded.build()(crop)[0], network(crop)[0])


def test_a_network_of_another_version_is_one_line(toy: FaceModel, tmp_path) -> None:
    values = NetworkCheckpoint.of(Student(SMALL, toy.layout), toy).to_dict()
    for change in ({"kind": "vit"}, {"config": {"resolution": 64, "future": 1}}, {"layout": {}}):
        torch.save({"network": values | change}, tmp_path / "c.pt")
        with pytest.raises(LimelightError, match=r"checkpoint .*c\.pt: its network is of another version"):
            load_network(tmp_path / "c.pt")


def test_bad_checkpoints_are_refused(tmp_path) -> None:
    (tmp_path / "junk.pt").write_bytes(b"junk")
    torch.save({"something": 1}, tmp_path / "other.pt")
    for name, message in (("junk.pt", "unreadable"), ("other.pt", "not a Limelight"), ("none.pt", "no such file")):
        with pytest.raises(LimelightError, match=message):
            load_network(tmp_path / name)


def _published_names(network: Lite0) -> dict[str, str]:
    """Our names to the published ones, written out independently of the loader."""
    names = {}
    for key in network.state_dict():
        room, rest = key.split(".", 1)
        if room == "stem":
            names[key] = rest.replace("0.", "_conv_stem.", 1) if rest[0] == "0" else rest.replace("1.", "_bn0.", 1)
            continue
        index, _, position, leaf = rest.split(".")
        parts = {0: "_depthwise_conv", 1: "_bn1", 3: "_project_conv", 4: "_bn2"}
        if index != "0":
            parts = {0: "_expand_conv", 1: "_bn0", 3: "_depthwise_conv", 4: "_bn1", 6: "_project_conv", 7: "_bn2"}
        names[key] = f"_blocks.{index}.{parts[int(position)]}.{leaf}"
    return names
