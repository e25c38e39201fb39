"""What the light of a show costs: the same faces drawn in different light, in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter

from benchmark.clip import Clip, ClipReader
from benchmark.figures import Picture, Spread
from facemodel import FaceModel
from realtime.light.lighting import FaceLight, Lighting
from realtime.light.values import Value
from realtime.render import HeadlessComposer, Scene, SceneFace
from realtime.sources.performer import Performer

PLAIN_LIGHT = "estimated light"

_LOOKS: Mapping[str, tuple[int, float]] = {
    PLAIN_LIGHT: (0, 0.0),
    "1 light": (1, 0.0),
    "1 light, shadow": (1, 1.0),
    "2 lights": (2, 0.0),
    "2 lights, shadows": (2, 1.0),
}
"""How many lights shine, and how dark their shadows are."""

_WARM_UP = 3  # turns


class PicturesInTurn:
    """Draws a performer over the frames of a clip; made in the process that is measured."""

    def __init__(self, clip: Clip) -> None:
        """
        Raises:
            LimelightError: no OpenGL.
        """
        self._model = FaceModel.load()
        self._clip = clip
        self._performer = Performer(self._model.layout, clip.width, clip.height, seed=7)
        self._composer = HeadlessComposer(self._model, clip.width, clip.height)
        self._lights = {look: _lights(*what) for look, what in _LOOKS.items()}

    def measure(self, turns: int) -> dict[str, Picture]:
        """Draw each frame in each light, in an order that turns; the pictures are read back.

        Raises:
            LimelightError: the clip cannot be read.
        """
        layout, looks = self._model.layout, list(self._lights)
        found: dict[str, list[float]] = {look: [] for look in looks}
        with ClipReader(self._clip) as reader:
            for turn in range(turns + _WARM_UP):
                image = reader.read(turn)
                for i in range(len(looks)):
                    look = looks[(turn + i) % len(looks)]
                    vector = self._performer.parameters((turn + i / len(looks)) / self._clip.fps)
                    light = replace(FaceLight.estimated(layout.view(vector)), lights=self._lights[look])
                    start = perf_counter()
                    self._composer.draw(Scene(image, (SceneFace(vector, light),)))
                    if turn >= _WARM_UP:
                        found[look].append(1000.0 * (perf_counter() - start))
        spreads = {look: Spread.of(values) for look, values in found.items()}
        plain = spreads[PLAIN_LIGHT].p50
        return {look: Picture(spread, round(spread.p50 / plain, 3)) for look, spread in spreads.items()}

    def close(self) -> None:
        self._composer.close()


def _lights(count: int, shadow: float) -> tuple:
    """So many lights of a show, of the size that they have by default."""
    values: dict[str, Value] = {f"light/{n}/intensity": 0.5 for n in range(1, count + 1)}
    values |= {f"light/{n}/shadow": shadow for n in range(1, count + 1)}
    return Lighting.of(values).lights
