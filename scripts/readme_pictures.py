"""Makes the pictures of README.md from the synthetic performer: `xvfb-run -a python scripts/readme_pictures.py`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QImage

from facemodel import Crop, FaceModel
from realtime.engines import open_engine
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_file import DEMO_SHOW, load_show
from realtime.light.lighting import Lighting
from realtime.light.values import Value
from realtime.opencv import cv2
from realtime.reconstruction import Reconstructor
from realtime.reconstruction_picture import draw_strip
from realtime.relit_picture import relit_picture
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sources import SourceSettings, open_source
from realtime.sources.synthetic import SyntheticPerformer
from realtime.tracking.finder import open_finder
from realtime.tracking.tracker import Tracker
from realtime.ui.app import make_application
from realtime.ui.settings import SettingsFile
from realtime.ui.window import MainWindow

_PERFORMER_FRAME = 95
_GRIMACES = (3.3, 10.2, 12.5, 35.5, 42.4, 65.4, 67.7, 83.8)
"""Seconds into the performance: smile, doubt, surprise, kiss, anger, wink, puff, laugh."""

_PICTURES, _STEP_MS, _QUALITY = 45, 160, 75
"""Of the moving picture."""

_RELIT_FRAME = 11
_SHOWN = {
    "light/source": "show",
    "environment/intensity": 0.15,
    "relight/background": "dim",
    "relight/dim": 0.8,
    "light/1/elevation": 10.0,
}
_LIGHTS: tuple[dict[str, Value], ...] = (
    {"light/1/intensity": 1.6, "light/1/azimuth": -70.0, "light/1/elevation": 20.0},
    {
        "light/1/intensity": 1.3, "light/1/azimuth": -70.0, "light/1/color": (1.0, 0.12, 0.4),
        "light/2/intensity": 1.3, "light/2/azimuth": 70.0, "light/2/color": (0.08, 0.45, 1.0),
    },
    {"environment/name": "sunset", "environment/intensity": 1.0},
    {"light/1/intensity": 1.4, "light/1/azimuth": 0.0, "light/1/elevation": -55.0, "light/1/color": (1.0, 0.55, 0.2)},
)  # fmt: skip
"""Values of a show: from one side, two colours, a sunset, from below."""


def _show(
    model: FaceModel,
    source: str,
    seconds: float,
    state: str,
    prepare: Callable[[MainWindow], None],
    show: ShowDocument | None = None,
    pictures: int = 1,
) -> list[NDArray[np.uint8]]:
    """Return pictures of the real window, so many seconds after it opened a source and was prepared, once it is in a
    state: (H, W, 3) uint8 BGR, one every `_STEP_MS`."""
    application = make_application()
    grabbed: list[NDArray[np.uint8]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = SessionConfig(person="", persons=Path(folder), show=show)
        session = Session(model, lambda: Tracker(model, open_engine("student", model), open_finder()), config)
        window = MainWindow(session, SettingsFile(Path(folder) / "window.json"))
        window.resize(1280, 800)
        window.show()
        window.sources.start(source)

        def grab() -> None:
            if state not in window.status_line.state.text():  # a slow machine stalls now and then
                QTimer.singleShot(20, grab)
                return
            grabbed.append(_pixels(window.grab().toImage()))
            if len(grabbed) < pictures:
                QTimer.singleShot(_STEP_MS, grab)
                return
            window.close()
            application.quit()

        QTimer.singleShot(int(500 * seconds), lambda: prepare(window))
        QTimer.singleShot(int(1000 * seconds), grab)
        application.exec()
        session.stop()
    return grabbed


def _pixels(image: QImage) -> NDArray[np.uint8]:
    image = image.convertToFormat(QImage.Format.Format_BGR888)
    rows = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()  # Qt's memory goes with it


def picture_window(path: Path, moving: Path, seconds: float) -> None:
    """The window with the demo show after so many seconds of the synthetic performer; and it moving, in two cues."""

    def prepare(window: MainWindow) -> None:
        window.session.show.go_to("5", 0.0)
        QTimer.singleShot(int(500 * seconds) + _STEP_MS * _PICTURES // 3, window.session.show.go)

    pictures = _show(FaceModel.load(), "synthetic", seconds, "Tracking", prepare, load_show(DEMO_SHOW), _PICTURES)
    cv2.imwrite(str(path), pictures[0])
    film = cv2.Animation()
    film.frames = [cv2.resize(each, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA) for each in pictures]
    film.durations = [_STEP_MS] * len(pictures)
    cv2.imwriteanimation(str(moving), film, (cv2.IMWRITE_WEBP_QUALITY, _QUALITY))


def picture_take(path: Path) -> None:
    """The window on a take of the synthetic performer, with its curves."""
    model = FaceModel.load()
    with tempfile.TemporaryDirectory() as folder:
        take = Path(folder) / "session.mcap"
        tracker = partial(Tracker, model, open_engine("student", model), open_finder())
        session = Session(model, tracker, SessionConfig(paced=False, frames=360, person=""))
        session.add_sink(f"{take}?pictures")
        session.open("synthetic").wait()
        session.stop()

        def prepare(window: MainWindow) -> None:
            window.actions_by_name["curves"].trigger()
            window.session.transport.show(290)
            window.session.transport.playing = False

        cv2.imwrite(str(path), _show(model, str(take), 6.0, "Paused", prepare)[0])


def picture_reconstruction(path: Path) -> None:
    """One frame of the performer, reconstructed: input, overlay, clay, diffuse, specular."""
    model = FaceModel.load()
    with closing(open_source("synthetic", SourceSettings(synthetic_live=False))) as source:
        for _ in range(_PERFORMER_FRAME):
            source.read()
        frame = source.read()
        if frame is None:
            raise SystemExit("the synthetic performer ended early")
        face = Reconstructor(model, open_engine("student", model), open_finder())(frame.image)[0]
        strip = draw_strip(model, frame.image, face.parameters)
    cv2.imwrite(str(path), cv2.resize(strip, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def picture_relighting(path: Path) -> None:
    """A frame of the performer, and the same in four other lights, by what one look at it gave."""
    model = FaceModel.load()
    with closing(SyntheticPerformer(width=640, height=480, fps=10.0, seed=7, live=False)) as source:
        for _ in range(_RELIT_FRAME):
            source.read()
        frame = source.read()
    if frame is None:
        raise SystemExit("the synthetic performer ended early")
    faces = Reconstructor(model, open_engine("student", model), open_finder())(frame.image)
    shown = [frame.image]
    for light in _LIGHTS:
        lighting = Lighting.of({**_SHOWN, **light})
        shown.append(relit_picture(model, frame.image, faces, lighting))
    strip = np.hstack([picture[40:440, 140:500] for picture in shown])
    cv2.imwrite(str(path), cv2.resize(strip, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))


def picture_expressions(path: Path, side: int = 200) -> None:
    """The performer's grimaces above, and below what one look at each of them gave, in clay."""
    model = FaceModel.load()
    columns = []
    with (
        closing(SyntheticPerformer(width=480, height=480, fps=10.0, live=False)) as source,
        HeadlessComposer(model, 480, 480) as renderer,
    ):
        reconstructor = Reconstructor(model, open_engine("student", model), open_finder())
        for number in range(round(10 * _GRIMACES[-1]) + 1):
            frame = source.read()
            if frame is None:
                raise SystemExit("the synthetic performer ended early")
            if number not in {round(10 * t) for t in _GRIMACES}:
                continue
            face = reconstructor(frame.image)[0].parameters
            clay = renderer.render(None, face, RenderOptions(mode=ViewMode.GEOMETRY))
            crop = Crop.around_head(*_pose(model, face))
            matrix = replace(crop, side=1.15 * crop.side).from_frame(side)
            columns.append(np.vstack([cv2.warpAffine(image, matrix, (side, side)) for image in (frame.image, clay)]))
    cv2.imwrite(str(path), np.hstack(columns))


def _pose(model: FaceModel, vector: NDArray) -> tuple[NDArray, NDArray, float]:
    p = model.layout.view(vector)
    return p.rotation, p.translation, p.scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--seconds", type=float, default=12.0, help="into the performance, for the window")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    picture_reconstruction(options.out / "reconstruction.png")
    picture_relighting(options.out / "relighting.png")
    picture_expressions(options.out / "expressions.png")
    picture_window(options.out / "window.png", options.out / "window.webp", options.seconds)
    picture_take(options.out / "take.png")


if __name__ == "__main__":
    main()
