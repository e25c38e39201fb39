"""The synthetic performer: a virtual camera before a person whose parameters are known in every frame."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters, project
from facemodel.color import encode_srgb
from facemodel.hair import Hair, WornHair
from facemodel.hair_shading import HAIR_COLORS, HairLook
from facemodel.lighting import shade_diffuse
from realtime.frame import Frame, Sound
from realtime.loop.frame_pool import FramePool
from realtime.opencv import cv2
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.sources.performer import Performer

_OPTIONS = RenderOptions(mode=ViewMode.OVERLAY, whole_head=True)
_NOISE_PICTURES = 8
_STYLES = ("crop", "layered", "parted")
"""Styles that hide neither brows nor eyes, and cost about a fifth of a frame's time where OpenGL runs on the CPU."""
_COLORS = ("black", "dark brown", "brown", "light brown", "auburn", "dark blond", "blond", "grey")
_LASHES, _BROWS = "lashes natural", ("brows arched", "brows straight", "brows full", "brows thick")
_BROW_SHADE = 0.8
_NECK_END = np.array([0.0, -128.0, -25.0])
"""Where the collar is on the model, mm."""


class SyntheticPerformer:
    """A source that renders a face model acting over a blurred room, with sensor noise and true parameters.

    Attributes: as `realtime.sources.base.Source`, and
        layout: of the frames' truth.
    """

    sound: Sound | None = None

    def __init__(
        self,
        model: FaceModel | None = None,
        *,
        width: int = 640,
        height: int = 480,
        fps: float = 30.0,
        seed: int = 0,
        live: bool = True,
        duration: float | None = None,
        noise: float = 2.0,
    ) -> None:
        """
        Args:
            model: who acts; the embedded default if None.
            width, height: of the frames, px.
            fps: frames a second of the performance.
            seed: of the person, the performance, the room and the noise.
            live: deliver in real time and skip what a late reader missed, as a camera does; otherwise every
                frame as fast as it is read.
            duration: seconds until the end; None performs for ever.
            noise: standard deviation of the sensor noise, in 8-bit levels.

        Raises:
            LimelightError: no face model, or no OpenGL.
        """
        model = model or FaceModel.load()
        self.name = "synthetic performer"
        self.width, self.height, self.fps, self.live = width, height, fps, live
        self.layout = model.layout
        self._performer = Performer(model.layout, width, height, seed)
        self._frames = None if duration is None else round(duration * fps)
        self._room = make_room(width, height, seed)
        self._shirt = _Shirt(seed)
        self._noise = _make_noise(width, height, noise, seed)
        self._pool = FramePool(height, width)
        self._renderer = HeadlessComposer(model, width, height, hair=choose_hair(model, seed))
        self._next = 0
        self._start: float | None = None
        self._closed = False
        self._lock = threading.Lock()  # `close` may come while another thread reads

    def read(self) -> Frame | None:
        """The next frame with its truth; None at the end of the performance or after `close`."""
        if self.live and not self._closed:
            self._keep_time()
        with self._lock:
            return None if self._closed else self._perform()

    def close(self) -> None:
        """Free the renderer; a second call does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._renderer.close()

    def _perform(self) -> Frame | None:
        """Draw the next frame, if the performance has one."""
        index = self._next
        if self._frames is not None and index >= self._frames:
            return None
        self._next += 1
        truth = self._performer.parameters(index / self.fps)
        picture = self._renderer.render(self._room, truth, _OPTIONS)
        self._shirt.draw(picture, self._performer.layout.view(truth))
        image = cv2.add(picture, self._noise[index % _NOISE_PICTURES], dst=self._pool.take(), dtype=cv2.CV_8U)
        timestamp = index / self.fps if self._start is None else self._start + index / self.fps
        return Frame(index, timestamp, image, truth)

    def _keep_time(self) -> None:
        """Wait until the next frame is due, or skip to the latest one that is."""
        now = time.perf_counter()
        if self._start is None:
            self._start = now
        due = self._start + self._next / self.fps
        if now < due:
            time.sleep(due - now)
        else:
            self._next = max(self._next, int((now - self._start) * self.fps))


class _Shirt:
    """A plain shirt over the lower end of the neck, where the face model ends."""

    def __init__(self, seed: int) -> None:
        self._albedo = np.random.default_rng((seed, 3)).uniform(0.03, 0.45, 3)
        x = np.linspace(-1.0, 1.0, 33)
        collar = np.stack([62.0 * x, -8.0 - 26.0 * np.sqrt(1.0 - x * x)], axis=-1)  # mm, +y up
        shoulders = np.array(
            [[74.0, 2.0], [110.0, -12.0], [165.0, -34.0], [225.0, -72.0], [290.0, -160.0], [330.0, -900.0]]
        )
        self._outline = np.concatenate([shoulders[::-1] * (-1.0, 1.0), collar, shoulders])  # (K, 2)

    def draw(self, picture: NDArray[np.uint8], parameters: Parameters) -> None:
        """Paint it on the picture in place, lit as the face is; it follows the head but stays upright."""
        neck = project(_NECK_END[None], parameters.rotation, parameters.translation, parameters.scale)
        outline = neck + self._outline * (parameters.scale, -parameters.scale)
        lit = shade_diffuse(self._albedo, np.array([0.0, 0.3, 0.954]), parameters.sh)
        colour = (encode_srgb(lit) * 255.0)[::-1].tolist()
        points = np.rint(outline * 16.0).astype(np.int32)
        cv2.fillPoly(picture, [points], colour, lineType=cv2.LINE_AA, shift=4)


def choose_hair(model: FaceModel, seed: int) -> list[tuple[WornHair, HairLook]]:
    """Lashes, brows and a style of one colour for the performer of `seed`; none on a model with another skin layout."""
    hair = Hair.load()
    if not hair.fits(model):
        return []
    rng = np.random.default_rng((seed, 4))
    style = _STYLES[rng.integers(len(_STYLES))]
    color = HAIR_COLORS[_COLORS[rng.integers(len(_COLORS))]]
    lashes = HairLook((0.012, 0.010, 0.009), shine=0.1)
    red, green, blue = color
    brows = HairLook((_BROW_SHADE * red, _BROW_SHADE * green, _BROW_SHADE * blue), shine=0.1)
    worn = (_LASHES, lashes), (_BROWS[rng.integers(len(_BROWS))], brows), (style, HairLook(color))
    return [(hair.worn_by(model, name), look) for name, look in worn]


def make_room(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """A room out of focus: a lit wall, a few blurred things and lights, (height, width, 3) BGR."""
    rng = np.random.default_rng((seed, 1))
    w, h = 160, max(8, round(160 * height / width))
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    wall = rng.uniform(90, 165) + rng.uniform(-12, 12, 3)
    light = 1.0 + 0.35 * rng.choice((-1.0, 1.0)) * (x / w - 0.5) - 0.25 * (y / h)
    room = (light[..., None] * wall).astype(np.float32)
    for _ in range(7):
        left, top = int(rng.integers(-20, w)), int(rng.integers(0, h))
        right, bottom = left + int(rng.integers(12, 60)), top + int(rng.integers(12, 60))
        colour = [float(c) for c in rng.uniform(25, 190) + rng.uniform(-35, 35, 3)]
        cv2.rectangle(room, (left, top), (right, bottom), colour, -1)
    for _ in range(4):
        centre = (int(rng.integers(0, w)), int(rng.integers(0, h // 2)))
        colour = [float(c) for c in rng.uniform(170, 250, 3)]
        cv2.circle(room, centre, int(rng.integers(2, 6)), colour, -1)
    room = cv2.GaussianBlur(room, (0, 0), 4.5)
    room = cv2.resize(room, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(room, 0, 255).astype(np.uint8)


def _make_noise(width: int, height: int, sigma: float, seed: int) -> NDArray[np.int16]:
    """Sensor noise pictures that frames take in turn, (N, height, width, 3)."""
    rng = np.random.default_rng((seed, 2))
    shape = (_NOISE_PICTURES, height, width, 3)
    return np.rint(rng.standard_normal(shape, dtype=np.float32) * sigma).astype(np.int16)
