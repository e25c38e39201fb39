"""What the composer's pictures cost on a machine's own OpenGL, of which a machine without a GPU can tell nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.light.lighting import FaceLight, Light, Lighting
from realtime.light.values import Value
from realtime.matte.person_matte import Matte
from realtime.render import RenderOptions, Scene, SceneFace, ViewMode, headless_context
from realtime.render.composer import Composer
from realtime.render.gl import is_software
from realtime.sources.performer import Performer

SIZES = ((640, 480), (1280, 720), (1920, 1080))
"""Of the pictures, px."""

LOOKS = ("overlay", "overlay, 2 lights", "relit, 2 lights")
"""What is drawn: one face in its own light, in that of two lamps with shadows, and the frame relit by both."""

_FPS = 60.0
_PERSON = (0.2, 0.1, 0.8, 1.0)  # the part of the frame that the matte calls a person


@dataclass(frozen=True)
class Drawing:
    """Medians of one look in one size.

    Attributes:
        look: of `LOOKS`.
        width, height: of frame and picture, px.
        ms: from the call to a picture that is done, the frame's upload and all of Python included.
        gpu_ms: that the commands took by OpenGL's own clock.
    """

    look: str
    width: int
    height: int
    ms: float
    gpu_ms: float


def hardware_context() -> moderngl.Context:
    """Return an OpenGL context of a GPU, current on this thread.

    Raises:
        LimelightError: there is no OpenGL 3.3, or it runs on the CPU.
    """
    ctx = headless_context()
    if is_software(ctx):
        with ctx:  # and current no more
            renderer = ctx.info["GL_RENDERER"]
        ctx.release()
        raise LimelightError(f"OpenGL runs on the CPU here ({renderer}); install the GPU's own driver, with EGL")
    return ctx


def drawing_times(
    ctx: moderngl.Context,
    model: FaceModel,
    sizes: Sequence[tuple[int, int]] = SIZES,
    turns: int = 200,
    warm_up: int = 20,
) -> list[Drawing]:
    """Draw a moving face in every look and size.

    The looks take turns, so that whatever slows the machine down for a while slows all of them.

    Args:
        ctx: current on this thread.
        model: of the face.
        sizes: width and height, px.
        turns: that count.
        warm_up: turns before them.
    """
    composer = Composer(ctx, model)
    widths, heights = zip(*sizes, strict=True)
    target = ctx.simple_framebuffer((max(widths), max(heights)), components=4)  # a picture fills a part of it
    drawings = []
    for size in sizes:
        drawings += _of_size(ctx, composer, target, model, size, turns, warm_up)
    composer.release()
    target.release()
    return drawings


def _of_size(
    ctx: moderngl.Context,
    composer: Composer,
    target: moderngl.Framebuffer,
    model: FaceModel,
    size: tuple[int, int],
    turns: int,
    warm_up: int,
) -> list[Drawing]:
    width, height = size
    performer = Performer(model.layout, width, height, seed=7)
    image = np.random.default_rng(0).integers(40, 200, (height, width, 3), np.uint8)
    matte, lamps, query = _matte(), _lamps(), ctx.query(time=True)
    wall: dict[str, list[float]] = {look: [] for look in LOOKS}
    on_gpu: dict[str, list[float]] = {look: [] for look in LOOKS}
    for turn in range(warm_up + turns):
        for i, look in enumerate(LOOKS):
            vector = performer.parameters((turn + i / len(LOOKS)) / _FPS)
            scene = _scene(look, FaceLight.estimated(model.layout.view(vector)), vector, image, matte, lamps)
            ctx.finish()
            start = perf_counter()
            with query:
                composer.draw(target, (0, 0, width, height), scene)
            ctx.finish()
            if turn >= warm_up:
                wall[look].append(1e3 * (perf_counter() - start))
                on_gpu[look].append(1e-6 * query.elapsed)
    return [
        Drawing(look, width, height, statistics.median(wall[look]), statistics.median(on_gpu[look])) for look in LOOKS
    ]


def _scene(
    look: str,
    seen: FaceLight,
    vector: NDArray[np.float32],
    image: NDArray[np.uint8],
    matte: Matte,
    lamps: tuple[Light, ...],
) -> Scene:
    if look == "overlay":
        return Scene(image, (SceneFace(vector, seen),))
    lit = replace(seen, lights=lamps)
    if look == "overlay, 2 lights":
        return Scene(image, (SceneFace(vector, lit),))
    options = RenderOptions(mode=ViewMode.RELIT)
    return Scene(image, (SceneFace(vector, lit, seen),), options, None, Lighting(), matte)


def _lamps() -> tuple[Light, ...]:
    """Two lamps of the size that they have by default, with shadows."""
    values: dict[str, Value] = {f"light/{n}/intensity": 0.5 for n in (1, 2)}
    return Lighting.of(values | {f"light/{n}/shadow": 1.0 for n in (1, 2)}).lights


def _matte() -> Matte:
    """A matte of the network's size with a person in the middle."""
    height, width = 144, 256
    left, top, right, bottom = _PERSON
    lines = np.zeros((height, width, 2), np.float32)
    lines[int(top * height) : int(bottom * height), int(left * width) : int(right * width), 1] = 1.0
    tiles = lines[::8, ::8, 1] > 0.0
    return Matte(lines, np.zeros((height, width, 3), np.uint8), lines[..., 1], tiles)


def print_drawings(drawings: Sequence[Drawing]) -> None:
    """Print a table."""
    print(f"  {'drawing':<20}{'size':>10}{'ms':>9}{'GPU ms':>9}")
    for row in drawings:
        print(f"  {row.look:<20}{f'{row.width}x{row.height}':>10}{row.ms:>9.3f}{row.gpu_ms:>9.3f}")
