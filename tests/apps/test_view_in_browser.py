"""The page of `limelight view` in Chromium: its pictures are our renderer's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.lighting import rotate_sh
from facemodel.rotation import matrix_from_euler
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.light.environments import ENVIRONMENTS
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.sources.synthetic import SyntheticPerformer
from realtime.web.view import View
from tests.apps.devtools import Tab, open_tab
from tests.toy_model import occluded_toy_model

pytestmark = pytest.mark.apps

WIDTH, HEIGHT = 640, 480
MODES = {
    "shaded": ViewMode.OVERLAY,
    "geometry": ViewMode.GEOMETRY,
    "diffuse": ViewMode.DIFFUSE,
    "specular": ViewMode.SPECULAR,
    "albedo": ViewMode.ALBEDO,
    "wireframe": ViewMode.WIREFRAME,
}
DRAWN = "window.limelight && limelight.stage.drawn === {number}"


@pytest.fixture(scope="module")
def tab(tmp_path_factory) -> Iterator[Tab]:
    with open_tab(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def renderer(model) -> Iterator[HeadlessComposer]:
    with HeadlessComposer(model, WIDTH, HEIGHT, samples=4) as made:
        yield made


@pytest.fixture(scope="module")
def performances() -> list[NDArray[np.float32]]:
    """Parameters of two frames of the synthetic performer."""
    performer = SyntheticPerformer(width=WIDTH, height=HEIGHT, fps=30.0, seed=3, live=False)
    frames = [performer.read() for _ in range(45)]
    performer.close()
    return [frames[14].truth.copy(), frames[44].truth.copy()]


class Show:
    """A view and the tab that looks at it."""

    def __init__(self, view: View, tab: Tab, model: FaceModel) -> None:
        self.view, self.tab, self.model = view, tab, model
        self.sent = 0

    def send(self, *vectors: NDArray[np.float32], centred: NDArray[np.float32] | None = None) -> None:
        """Show faces."""
        self.sent += 1
        layout = self.model.layout
        faces = [
            Face(
                number,
                TrackingState.TRACKING,
                vector,
                Person(number, vector[layout.slices["identity"]], vector[layout.slices["albedo"]]),
                centred=centred,
            )
            for number, vector in enumerate(vectors, 1)
        ]
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.view.submit(Result(Frame(self.sent, self.sent / 30, image), self.sent / 30, tuple(faces)))

    def open(self, query: str, size: tuple[int, int] = (WIDTH, HEIGHT), transparent: bool = False) -> None:
        """Open the page, and wait until it shows what was sent last."""
        self.tab.open(self.view.broadcast.url + query, *size, transparent=transparent)
        self.wait()

    def wait(self) -> None:
        """Wait until the page shows what was sent last."""
        self.tab.wait_for(DRAWN.format(number=self.sent))

    def picture(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) BGR."""
        return self.tab.picture()[..., :3]


@pytest.fixture
def show(tab, model) -> Iterator[Show]:
    view = View(port=0)
    view.begin(StreamInfo("performer", WIDTH, HEIGHT, 30.0, live=True, model=model))
    tab.log.clear()
    tab.requested.clear()
    yield Show(view, tab, model)
    tab.call("Page.navigate", url="about:blank")  # so that it does not look for a server that is gone
    view.close()
    assert not tab.log
    assert all(url.startswith((view.broadcast.url, "data:", "blob:")) for url in tab.requested), tab.requested


def assert_alike(picture: NDArray, ours: NDArray, mean: float = 0.5) -> None:
    """The difference where either shows a face is at most so many 255ths on average."""
    shown = (ours != ours[0, 0]).any(axis=-1) | (picture != picture[0, 0]).any(axis=-1)
    assert shown.mean() > 0.05
    difference = np.abs(picture.astype(int) - ours)
    assert difference[shown].mean() <= mean
    assert difference[~shown].max(initial=0) <= 1  # the background


def whole(mode: ViewMode = ViewMode.OVERLAY) -> RenderOptions:
    return RenderOptions(mode=mode, whole_head=True)


@pytest.mark.parametrize("mode", MODES)
def test_the_picture_is_ours(show, renderer, performances, mode):
    show.send(performances[0])
    show.open(f"?controls=0&place=frame&mode={mode}")
    ours = renderer.render(None, performances[0], whole(MODES[mode]))
    assert_alike(show.picture(), ours, 4.0 if mode == "wireframe" else 0.5)  # lines of a pixel are smoothed by chance


def test_what_is_next_needs_no_reload(show, renderer, performances):
    show.send(performances[0])
    show.open("?controls=0&place=frame")
    other = performances[1].copy()
    p = show.model.layout.view(other)
    rng = np.random.default_rng(5)
    p.identity[:], p.albedo[:] = rng.normal(size=p.identity.size), rng.normal(size=p.albedo.size)
    show.send(other)
    show.wait()
    assert_alike(show.picture(), renderer.render(None, other, whole()))


def test_another_face_model_needs_no_reload(show, performances):
    show.send(performances[0])
    show.open("?controls=0&place=frame")
    show.view.close()
    show.tab.wait_for("document.documentElement.dataset.state === 'lost'")
    assert "Connection lost" in show.tab.evaluate("document.getElementById('banner').textContent")
    toy = occluded_toy_model()
    show.view.begin(StreamInfo("another", WIDTH, HEIGHT, 30.0, live=True, model=toy))
    vector = toy.layout.neutral()
    p = toy.layout.view(vector)
    p.translation[:], p.scale = (WIDTH / 2, HEIGHT / 2), 1.6
    p.rotation = matrix_from_euler(0.4, 0.1, -0.1)
    p.expression[0] = 0.6
    show.model, show.sent = toy, 0  # a new feed counts from the start
    show.send(vector)
    show.send(vector)
    show.wait()
    show.tab.log.clear()  # the browser's own line on the loss
    with HeadlessComposer(toy, WIDTH, HEIGHT, samples=4) as renderer:
        assert_alike(show.picture(), renderer.render(None, vector, whole()))
    assert show.tab.evaluate("document.getElementById('banner').hidden")


def test_everybody_is_in_the_frame(show, renderer, performances):
    left, right = (vector.copy() for vector in performances)
    for vector, x in ((left, 0.25), (right, 0.75)):
        p = show.model.layout.view(vector)
        p.translation[0], p.scale = x * WIDTH, 0.9
    show.send(left, right)
    show.open("?controls=0&place=frame")
    assert_alike(show.picture(), renderer.render(None, [left, right], whole()))


def alone(model: FaceModel, vector: NDArray[np.float32], turn: float = 0.0) -> NDArray[np.float32]:
    """What our renderer is to draw for the head alone in the middle, seen by a visitor who went `turn` to the left."""
    shown = vector.copy()
    p = model.layout.view(shown)
    low, high = model.mean.min(axis=0), model.mean.max(axis=0)
    p.scale = min(WIDTH / (1.25 * (high - low)[0]), HEIGHT / (1.15 * (high - low)[1]))
    p.translation[:] = WIDTH / 2, HEIGHT / 2 + p.scale * (low + high)[1] / 2
    turned = matrix_from_euler(turn, 0.0, 0.0)
    p.rotation = turned @ p.rotation
    p.sh[:], p.key_position[:] = rotate_sh(turned, p.sh), turned @ p.key_position
    return shown


def test_the_head_alone_is_the_centred_one(show, renderer, performances):
    centred = performances[0].copy()
    show.model.layout.view(centred).rotation = matrix_from_euler(-0.5, 0.2, 0.1)
    show.send(performances[0], centred=centred)
    show.open("?controls=0")
    assert_alike(show.picture(), renderer.render(None, alone(show.model, centred), whole()))


def test_a_visitor_goes_around_the_head_and_its_light(show, renderer, performances):
    show.send(performances[0])
    show.open("?controls=0")
    straight = show.picture()
    show.tab.drag((300, 240), (360, 240))
    turned = show.picture()
    assert_alike(turned, renderer.render(None, alone(show.model, performances[0], 2.0 * np.pi * 60 / HEIGHT), whole()))
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            show.tab.call("Input.dispatchMouseEvent", type=kind, x=300, y=240, button="left", clickCount=count)
    np.testing.assert_array_equal(show.picture(), straight)

    show.open("?controls=0&mirror=1")
    assert_alike(show.picture(), straight[:, ::-1])
    show.tab.drag((360, 240), (300, 240))
    assert_alike(show.picture(), turned[:, ::-1])


def test_a_finger_does_what_the_mouse_does(show, performances):
    show.send(performances[0])
    show.open("?controls=0")
    show.tab.drag((300, 240), (360, 250))
    turned = show.picture()
    show.open("?controls=0")
    show.tab.swipe((300, 240), (360, 250))
    np.testing.assert_array_equal(show.picture(), turned)


def test_light_of_the_visitors_own(show, renderer, performances):
    show.send(performances[0])
    show.open("?controls=0&place=frame&light=sunset&turn=40&ambient=0.5&key=2")
    sunset = ENVIRONMENTS["sunset"].turned(np.radians(40))
    lit = performances[0].copy()
    p = show.model.layout.view(lit)
    p.sh[:], p.key_position[:], p.key_color[:] = 0.5 * sunset.sh, sunset.key_position, 2.0 * sunset.key_color
    assert_alike(show.picture(), renderer.render(None, lit, whole()))

    show.open("?controls=0&place=frame&mode=specular&keySide=90&keyHeight=30")
    p.sh[:] = 0.0
    own = show.model.layout.view(performances[0])
    distance = np.linalg.norm(own.key_position)
    p.key_position[:] = distance * np.array((np.cos(np.radians(30)), 0.5, 0.0))
    p.key_color[:] = own.key_color
    assert_alike(show.picture(), renderer.render(None, lit, whole(ViewMode.SPECULAR)))


def test_the_controls_change_the_picture_and_the_address(show, performances):
    show.send(performances[0])
    show.open("", size=(1000, 800))
    before = show.picture()
    show.tab.evaluate("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Albedo').click()")
    assert show.tab.evaluate("location.search") == "?mode=albedo"
    assert (show.picture() != before).any()
    assert show.tab.evaluate("document.querySelector('#controls section').hidden")  # albedo has no light
    show.tab.evaluate("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Shaded').click()")
    show.tab.evaluate(
        "{const s = document.querySelector('select'); s.value = 'candle'; s.dispatchEvent(new Event('change'));}"
    )
    assert show.tab.evaluate("location.search") == "?light=candle"


def test_obs_sees_through(show, renderer, performances):
    show.send(performances[0])
    show.open("?transparent=1&controls=0&place=frame", transparent=True)
    picture = show.tab.picture()
    ours = renderer.render(None, performances[0], replace(whole(), background=(0.0, 0.0, 0.0)))
    assert (picture[0, 0] == 0).all() and (picture[HEIGHT // 2, WIDTH // 2, 3] == 255)
    covered = picture[..., 3] == 255
    assert np.abs(picture[covered][:, :3].astype(int) - ours[covered]).mean() <= 0.5
    show.view.close()
    show.tab.wait_for("document.documentElement.dataset.state === 'lost'")
    show.tab.log.clear()  # the browser's own line on the loss
    assert show.tab.evaluate("getComputedStyle(document.getElementById('banner')).display") == "none"


def test_a_tablet_that_slept_shows_the_face_again(show, performances):
    show.send(performances[0])
    show.open("?controls=0")
    before = show.picture()
    show.tab.evaluate(
        "{window.slept = true; const lost = limelight.stage._renderer.getContext().getExtension('WEBGL_lose_context');"
        "lost.loseContext(); setTimeout(() => lost.restoreContext(), 100);}"
    )
    show.tab.wait_for(f"!window.slept && {DRAWN.format(number=show.sent)}")
    np.testing.assert_array_equal(show.picture(), before)
    show.tab.log.clear()  # three.js' line on the loss


def test_what_is_no_message_is_left_out(show, performances):
    show.send(performances[0])
    show.open("?controls=0")
    outcome = show.tab.evaluate("""(async () => {
        const { readFrame, readModel } = await import("./messages.js");
        const refuses = (read, buffer) => { try { read(buffer); return false; } catch { return true; } };
        const model = await (await fetch("./model")).arrayBuffer();
        const { slices, arrays } = readModel(model);
        const whole = new Uint8Array(40);
        whole.set([76, 76, 86, 70, 1, 0, 0, 0]);
        const results = [!refuses(readFrame, whole.buffer), arrays.mean.shape[1] === 3 && slices.sh.length === 2];
        for (let length = 0; length < 40; ++length)
            results.push(refuses(readFrame, whole.buffer.slice(0, length)));
        for (const length of [0, 3, 11, 12, 100, 5000])
            results.push(refuses(readModel, model.slice(0, length)));
        whole[6] = 1; // a face that is not there
        results.push(refuses(readFrame, whole.buffer), refuses(readFrame, model), refuses(readFrame, "text"));
        return results;
    })()""")
    assert all(outcome), outcome


@pytest.mark.parametrize("size", [(820, 1180), (390, 844), (1920, 1080)])
def test_the_head_fits_any_screen(show, performances, size):
    show.send(performances[0])
    show.open("?controls=0", size=size)
    picture = show.picture()
    shown = (picture != picture[0, 0]).any(axis=-1)
    for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]):
        assert not edge.any()
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert max(np.ptp(rows) / size[1], np.ptp(columns) / size[0]) > 0.6


def test_a_token_goes_wherever_the_page_does(tab, model, performances):
    view = View("0.0.0.0", 0)
    view.begin(StreamInfo("performer", WIDTH, HEIGHT, 30.0, live=True, model=model))
    try:
        show = Show(view, tab, model)
        show.send(performances[0])
        tab.log.clear()
        tab.requested.clear()
        show.open("&controls=0")
        assert not tab.log
        assert len(tab.requested) > 8 and all(view.broadcast.token in url for url in tab.requested if url[0] == "h")
    finally:
        view.close()
