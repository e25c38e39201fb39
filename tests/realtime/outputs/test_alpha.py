"""Alpha of what outputs carry it: the face alone, or the person, straight or premultiplied."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import moderngl
import numpy as np
import pytest

from facemodel import FaceModel, LimelightError, project
from realtime.frame import Result, StreamInfo
from realtime.outputs.overlay import Overlay
from realtime.outputs.picture_options import PictureOptions
from realtime.render import Alpha, RenderOptions, ViewMode
from realtime.sinks.address import Address
from realtime.sinks.registry import open_sink
from realtime.sources.synthetic import SyntheticPerformer
from tests.realtime.fake_session import toy_result
from tests.realtime.outputs.picture_libraries import Ndi, Spout, Syphon, install
from tests.waiting import wait_for

WIDTH, HEIGHT = 640, 480
MODEL = FaceModel.load()
INFO = StreamInfo("test", WIDTH, HEIGHT, 25.0, True, MODEL)


@pytest.fixture(scope="module")
def seen() -> Result:
    """The synthetic performer, whose face lies just where it is."""
    performer = SyntheticPerformer(width=WIDTH, height=HEIGHT, fps=10.0, live=False)
    try:
        frame = performer.read()
    finally:
        performer.close()
    assert frame is not None and frame.truth is not None
    shown = toy_result(MODEL, width=WIDTH, height=HEIGHT)
    return replace(shown, frame=frame, faces=(replace(shown.faces[0], smoothed=frame.truth, raw=frame.truth),))


def draw(result: Result, mode: ViewMode, info: StreamInfo = INFO, **options: object) -> np.ndarray:
    drawing = Overlay(info, RenderOptions(mode, **options))  # type: ignore[arg-type]
    try:
        return drawing.draw(result).copy()
    finally:
        drawing.close()


def places(result: Result, region: str) -> np.ndarray:
    """(N, 2) px where the vertices of a region lie."""
    face = MODEL.layout.view(result.faces[0].smoothed)
    vertices = MODEL.shape(face.identity, face.expression)[MODEL.region_vertices(region)]
    return project(vertices, face.rotation, face.translation, face.scale)


@pytest.mark.parametrize("mode", [ViewMode.CAMERA, ViewMode.OVERLAY, ViewMode.WIREFRAME, ViewMode.RELIT])
def test_the_face_is_opaque_and_its_border_soft_and_all_else_gone(seen, mode):
    cut, whole = draw(seen, mode, alpha=Alpha.FACE), draw(seen, mode)
    assert cut.shape == (HEIGHT, WIDTH, 4)
    alpha = cut[..., 3]
    for region in ("eyes", "teeth"):
        x, y = places(seen, region).mean(axis=0).round().astype(int)
        assert (alpha[y - 2 : y + 3, x - 2 : x + 3] == 255).all(), region
    assert alpha[:40].max() == alpha[:, :40].max() == alpha[:, -40:].max() == 0
    assert 0.02 < np.mean((alpha > 0) & (alpha < 255)) < 0.1  # the border is no edge
    assert np.array_equal(cut[alpha == 255][:, :3], whole[alpha == 255])
    assert not cut[alpha == 0].any()  # nothing of the room goes out


def test_the_person_is_opaque_with_hair_and_shoulders(seen):
    cut, face = (draw(seen, ViewMode.CAMERA, alpha=each)[..., 3] for each in (Alpha.PERSON, Alpha.FACE))
    assert cut[face == 255].mean() > 240
    x, top = places(seen, "scalp")[:, 0].mean().astype(int), places(seen, "scalp")[:, 1].min().astype(int)
    hair = np.s_[top + 5 : top + 30, x - 20 : x + 20]
    assert cut[hair].mean() > 220 and face[hair].max() == 0
    assert cut[-20:, x - 60 : x + 60].mean() > 220  # the chest
    assert cut[:60, :60].max() == cut[:60, -60:].max() == 0


@pytest.mark.parametrize("mode", [ViewMode.CAMERA, ViewMode.RELIT])
def test_frame_and_matte_go_to_the_gpu_once(seen, monkeypatch, mode):
    written = []
    write = moderngl.Texture.write
    monkeypatch.setattr(
        moderngl.Texture, "write", lambda self, data: (written.append(self.components), write(self, data))[1]
    )
    draw(seen, mode, alpha=Alpha.PERSON)
    assert sorted(written) == [2, 3]  # the lines of the matte, and RGB


def test_a_head_without_the_camera_is_cut_out_without_a_rim(seen):
    straight, multiplied = (
        draw(seen, ViewMode.GEOMETRY, alpha=Alpha.FACE, premultiplied=each) for each in (False, True)
    )
    alpha = straight[..., 3:]
    assert (alpha == 255).mean() > (draw(seen, ViewMode.OVERLAY, alpha=Alpha.FACE)[..., 3] == 255).mean()
    edge = (alpha[..., 0] > 60) & (alpha[..., 0] < 200)
    assert edge.any()
    assert straight[edge][:, :3].mean() > 1.5 * multiplied[edge][:, :3].mean()
    expected = straight[..., :3] * (alpha / 255.0)
    assert np.abs(multiplied[..., :3] - expected).max() <= 2.5  # of 8 bits, through a division


def test_colour_is_multiplied_as_it_is_encoded(seen):
    straight, multiplied = (
        draw(seen, ViewMode.RELIT, alpha=Alpha.PERSON, premultiplied=each) for each in (False, True)
    )
    assert np.array_equal(straight[..., 3], multiplied[..., 3])
    assert np.abs(multiplied[..., :3] - straight[..., :3] * (straight[..., 3:] / 255.0)).max() <= 1.0


def test_a_mirror_flips_alpha_too_and_beside_the_frame_is_nothing(seen):
    for alpha in Alpha:
        plain = draw(seen, ViewMode.CAMERA, alpha=alpha)[..., 3].astype(int)
        mirrored = draw(seen, ViewMode.CAMERA, alpha=alpha, mirror=True)[..., 3].astype(int)
        assert np.abs(mirrored - plain[:, ::-1]).mean() < 0.5
    drawing = Overlay(INFO, RenderOptions(ViewMode.CAMERA, alpha=Alpha.PERSON), size=(960, 480))
    try:
        wide = drawing.draw(seen)[..., 3]
    finally:
        drawing.close()
    assert wide[:, :160].max() == wide[:, -160:].max() == 0
    assert wide[-1, 480] > 220


def test_a_feed_without_pictures_shows_heads_alone(seen):
    info = replace(INFO, pictures=False)
    head = draw(replace(seen, frame=seen.frame.without_picture()), ViewMode.OVERLAY, info, alpha=Alpha.FACE)
    x, y = places(seen, "scalp").mean(axis=0).astype(int)
    assert head[y, x, 3] == 255  # the whole of it
    assert head[..., 3].min() == 0
    with pytest.raises(LimelightError, match="no pictures to cut a person out of; use alpha=face"):
        Overlay(info, RenderOptions(alpha=Alpha.PERSON))


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("ndi://?alpha=yes", "alpha=yes must be face or person"),
        ("ndi://?alpha=face&view=side-by-side", "alpha=face needs a view of one picture, not of two"),
        ("spout://?alpha=person&view=geometry", "alpha=person cuts the person out of the camera's picture; "),
        ("show.mp4?alpha=face", r"a video has no option 'alpha' \(video with alpha, NDI, Spout, Syphon have\); it"),
        ("vcam://?alpha=face", "a virtual camera has no option 'alpha'"),
        ("display://?alpha=person", "a display has no option 'alpha'"),
    ],
)
def test_what_carries_no_alpha_says_so_in_one_line(address, line):
    with pytest.raises(LimelightError, match=line) as raised:
        open_sink(address)
    assert "\n" not in str(raised.value)


def test_what_wants_premultiplied_alpha_has_it():
    asked = PictureOptions.of(Address.parse("spout://?alpha=face"), premultiplied=True).render
    assert (asked.alpha, asked.premultiplied) == (Alpha.FACE, True)


def send(address: str, result: Result) -> None:
    worker = open_sink(address)
    assert worker.begin(INFO), worker.problem
    worker.offer(result)
    wait_for(lambda: worker.status().delivered == 1)
    worker.close()
    assert not worker.problem


def is_picture(pixels: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the pixels (H, W, 4) are those, but for a matte that another run rounds otherwise."""
    return bool(np.abs(pixels.astype(int) - expected).mean() < 0.2)


def test_ndi_is_sent_straight_alpha(monkeypatch, seen):
    ndi = Ndi()
    install(monkeypatch, cyndilib=ndi)
    send("ndi://?view=camera&alpha=person", seen)
    (sender,) = ndi.senders
    assert sender.frame.fourcc == ndi.FourCC.BGRA
    expected = draw(seen, ViewMode.CAMERA, alpha=Alpha.PERSON)
    assert is_picture(sender.frames[0].reshape(HEIGHT, WIDTH, 4), expected)


def test_spout_is_sent_premultiplied_alpha(monkeypatch, seen):
    monkeypatch.setattr(sys, "platform", "win32")
    spout = Spout()
    install(monkeypatch, SpoutGL=spout)
    send("spout://?view=camera&alpha=face", seen)
    (call,) = (call for call in spout.calls if call[0] == "sendImage")
    assert is_picture(call[1], draw(seen, ViewMode.CAMERA, alpha=Alpha.FACE, premultiplied=True))


def test_syphon_is_sent_premultiplied_alpha(monkeypatch, seen):
    monkeypatch.setattr(sys, "platform", "darwin")
    syphon = Syphon()
    install(monkeypatch, syphon=syphon)
    module = type(sys)("syphon.utils.raw")
    module.__dict__.update(
        {name: getattr(syphon, name) for name in ("create_mtl_texture", "copy_bytes_to_mtl_texture")}
    )
    monkeypatch.setitem(sys.modules, "syphon.utils", type(sys)("syphon.utils"))
    monkeypatch.setitem(sys.modules, "syphon.utils.raw", module)
    send("syphon://?view=camera&alpha=face", seen)
    ((data, _),) = syphon.published
    rgba = np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    expected = draw(seen, ViewMode.CAMERA, alpha=Alpha.FACE, premultiplied=True)
    assert is_picture(rgba[..., [2, 1, 0, 3]], expected)


def film(path: Path, result: Result, query: str) -> None:
    worker = open_sink(f"{path}?{query}")
    assert worker.begin(replace(INFO, live=False)), worker.problem
    for number in range(4):
        worker.offer(replace(result, frame=replace(result.frame, timestamp=0.04 * number), time=0.04 * number))
    worker.close()
    assert not worker.problem


def test_a_mov_keeps_straight_alpha_for_other_programs(tmp_path, seen):
    path = tmp_path / "cut.mov"
    film(path, seen, "view=camera&alpha=face")
    expected = draw(seen, ViewMode.CAMERA, alpha=Alpha.FACE)
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.codec_context.profile) == ("prores", "4444")
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.04, 0.08, 0.12])
    pixels = frames[-1].to_ndarray(format="bgra").astype(int)
    assert np.abs(pixels[..., 3] - expected[..., 3]).max() <= 1
    inside = expected[..., 3] == 255
    assert np.abs(pixels[inside] - expected[inside]).mean() < 2.0
    if shutil.which("ffprobe"):
        asked = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,pix_fmt,nb_frames", "-of", "csv=p=0"]
        said = subprocess.run([*asked, str(path)], capture_output=True, text=True, check=True).stdout
        assert said.startswith("prores,yuva444p") and said.strip().endswith(",4")


def test_a_mov_without_alpha_is_opaque(tmp_path, seen):
    film(tmp_path / "plain.mov", seen, "view=camera&mirror=yes")
    with av.open(str(tmp_path / "plain.mov")) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="bgra").astype(int)
    assert (pixels[..., 3] == 255).all()
    assert np.abs(pixels[..., :3] - seen.frame.image[:, ::-1]).mean() < 2.0


def test_another_view_keeps_alpha_and_one_that_does_not_go_with_it_is_left(monkeypatch, seen):
    ndi = Ndi()
    install(monkeypatch, cyndilib=ndi)
    worker = open_sink("ndi://?view=camera&alpha=person")
    assert worker.begin(INFO)
    for number, mode in enumerate((ViewMode.GEOMETRY, ViewMode.SIDE_BY_SIDE, ViewMode.OVERLAY), 1):
        worker.sink.show_view(mode)
        worker.offer(seen)
        wait_for(lambda number=number: worker.status().delivered == number)
    worker.close()
    camera, overlay = (draw(seen, mode, alpha=Alpha.PERSON) for mode in (ViewMode.CAMERA, ViewMode.OVERLAY))
    sent = [frame.reshape(HEIGHT, WIDTH, 4) for frame in ndi.senders[0].frames]
    assert is_picture(sent[0], camera) and is_picture(sent[1], camera)
    assert is_picture(sent[2], overlay) and not is_picture(sent[2], camera)
    assert worker.begin(INFO)  # another feed goes on with the view that was chosen
    worker.offer(seen)
    wait_for(lambda: ndi.senders[1].frames)
    worker.close()
    assert is_picture(ndi.senders[1].frames[0].reshape(HEIGHT, WIDTH, 4), overlay)
