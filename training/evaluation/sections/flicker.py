"""What relighting makes of the noise of the clips, while their heads are still."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.light.lighting import Lighting
from realtime.render import HeadlessComposer, RenderOptions, ViewMode
from realtime.render.geometry import middle_of_face
from realtime.render.result_scenes import ResultScenes
from realtime.sources import open_source
from training.evaluation.context import Context, TrackedClip
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError
from training.evaluation.sections.stability import moving_frames

_REACH_MM = 40.0
"""To each side of the head centre, of the part of a face that counts."""

_SHOW: dict[str, str | float] = {"light/source": "show", "environment/intensity": 0.3, "light/1/intensity": 1.0}
_LIGHTS: dict[str, dict[str, str | float]] = {
    "one_lamp": _SHOW,
    "two_lamps": _SHOW | {"light/2/intensity": 0.8},
    "sunset": {"light/source": "show", "environment/name": "sunset"},
}


def measure(context: Context) -> Findings:
    """Find the change from frame to frame of the relit picture over the input's: means over the clips."""
    table = {}
    for path, clip in zip(context.material.clips, context.tracked_clips, strict=True):
        still = ~moving_frames(clip.landmarks, clip.fps)
        if not (still & np.isfinite(clip.landmarks[:, 0, 0])).any():
            continue
        for name, light in _LIGHTS.items():
            table[f"{clip.name} {name}"] = _flicker(context.model, path, clip, still, Lighting.of(light))
    if not table:
        raise UnmeasuredError("no clip with a head that is still")
    figures = {}
    for name in _LIGHTS:
        figures[name] = float(np.mean([row["ratio"] for key, row in table.items() if key.endswith(f" {name}")]))
    return Findings(figures, {"flicker": table})


def _flicker(
    model: FaceModel, path: Path, clip: TrackedClip, still: NDArray[np.bool_], lighting: Lighting
) -> dict[str, float]:
    """Return of input and relit picture the mean change on still frames and the mean, levels, and `ratio` of both."""
    options, scenes = RenderOptions(mode=ViewMode.RELIT), ResultScenes(model.layout)
    changes, levels, count = np.zeros(2), np.zeros(2), 0
    before: list[NDArray[np.int16]] = []
    with closing(open_source(str(path))) as source:
        frame = source.read()
        assert frame is not None
        height, width = frame.image.shape[:2]
        try:
            composer = HeadlessComposer(model, width, height)
        except LimelightError as error:
            raise UnmeasuredError(str(error)) from error
        with composer:
            for index, (raw, smoothed) in enumerate(zip(clip.raw, clip.smoothed, strict=True)):
                if frame is None:
                    break
                if raw is None or smoothed is None:
                    before = []
                else:
                    relit = composer.draw(scenes(_result(model, frame, raw, smoothed), options, lighting))
                    part = middle_of_face(model.layout.view(smoothed), (width, height), (height, width), _REACH_MM)
                    now = [image.astype(np.int16) for image in (frame.image, relit)]
                    if before and still[index]:
                        changes += [np.abs(b[part] - a[part]).mean() for a, b in zip(before, now, strict=True)]
                        levels += [image[part].mean() for image in now]
                        count += 1
                    before = now
                frame = source.read()
    relative = changes / np.maximum(levels, 1.0)
    names = ("change", "relit_change", "level", "relit_level")
    found = dict(zip(names, np.concatenate([changes, levels]) / max(count, 1), strict=True))
    return found | {"ratio": float(relative[1] / relative[0]) if relative[0] else float("nan")}


def _result(model: FaceModel, frame: Frame, raw: NDArray, smoothed: NDArray) -> Result:
    p = model.layout.view(smoothed)
    face = Face(1, TrackingState.TRACKING, smoothed, Person(1, p.identity, p.albedo), raw=raw)
    return Result(frame, frame.timestamp, (face,))


SECTION = Section(
    "flicker",
    "Flicker of relit video",
    "Change from frame to frame of the middle of the face, each over its mean level, where the head moves by less than "
    "about 15 mm/s: a light that brightens the face enlarges noise with everything else.",
    tuple(
        Measure(name, f"{name.replace('_', ' ')}: change from frame to frame, over the input's", limit=1.2)
        for name in _LIGHTS
    ),
    measure,
)
