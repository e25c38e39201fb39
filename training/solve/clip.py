"""Solving a clip: one identity and albedo for all of it, and expression, pose and light that change smoothly.

Pictures are read three times, since a clip does not fit into memory: to track the face with the network, for the
keyframes that the person is solved on, and for the frames themselves, a window at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from facemodel import Crop, FaceModel, LimelightError, ParameterLayout
from realtime.engines.base import Engine
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.sources.base import Source
from realtime.tracking.found_face import FaceFinder
from realtime.tracking.tracker import Tracker
from training.solve.config import SolveConfig
from training.solve.observation import Observation, Observer
from training.solve.solver import PERSON, FaceFit, Solver, unit_vector
from training.solve.start import FindsLandmarks, KnownFaceLandmarks, crop_of

_LIGHT = ("sh", "key_position", "key_color", "shininess")
_MOVING = ("expression", "rotation", "translation", "scale", *_LIGHT)


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """What tracking left of a frame.

    Attributes:
        index, timestamp: of the frame in its source; s.
        raw: (P,) the network's answer in frame px; None where no face was tracked.
        confidence: 0..1.
        landmarks: (478, 2) MediaPipe's points, frame px; None where it found none.
    """

    index: int
    timestamp: float
    raw: NDArray[np.float32] | None
    confidence: float
    landmarks: NDArray[np.float64] | None


@dataclass
class ClipReport:
    """How many frames of a clip were read, and how well each of those with a face fits."""

    frames: int = 0
    fits: list[FaceFit] = field(default_factory=list)


class ClipSolver:
    """Solves clips of one person; the largest face where there are several.

    Args:
        model: the face model.
        engine: the network that begins.
        finder: finds faces.
        landmarker: MediaPipe.
        config: of the solve.
        observer: what looks; made if None.
    """

    def __init__(
        self,
        model: FaceModel,
        engine: Engine,
        finder: FaceFinder,
        landmarker: FindsLandmarks,
        config: SolveConfig | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.model, self.config = model, config or SolveConfig()
        self._tracker = Tracker(model, engine, finder)
        self._landmarks = KnownFaceLandmarks(model, landmarker)
        self._observe = observer or Observer(model)
        self._solver = Solver(model, self.config)

    def __call__(
        self, open_source: Callable[[], Source], deliver: Callable[[Result], object], report: ClipReport
    ) -> NDArray[np.float32]:
        """Solve a clip.

        Args:
            open_source: opens the clip at its beginning; called three times.
            deliver: takes every frame in order, window by window, without its picture: of its face `raw` the network's
                parameters, `smoothed` the solved ones; no face where none was tracked.
            report: is filled in as the frames are done.
        Returns: (P,) the person: identity and albedo, all else neutral.
        Raises LimelightError: no frame shows a face, or the source fails.
        """
        layout, frames = self.model.layout, self.track(open_source)
        tracked = [frame for frame in frames if frame.raw is not None]
        if not tracked:
            with closing(open_source()) as source:
                raise LimelightError(f"{source.name}: no face found in any of its {len(frames)} frames")
        roll = _usual_roll(layout, tracked)
        wanted = {frame.index: frame for frame in keyframes(layout, tracked, self.config.keyframes)}
        chosen = []
        for frame in _pictures(open_source):
            if frame.index in wanted:
                chosen.append(self._look(frame, wanted[frame.index], roll))
                if len(chosen) == len(wanted):
                    break
        person = self._solve_person(chosen)
        window = _Window(layout, self._solver, person, deliver, report)
        steady = _averaged(frames, self.config.light_seconds)
        with tqdm(total=len(frames), desc="solve", unit="frame", disable=None, leave=False) as bar:
            for frame, known, light in zip(_pictures(open_source), frames, steady, strict=False):
                if light is None:
                    window.finish()
                    deliver(Result(frame.without_picture(), known.timestamp))
                    report.frames += 1
                else:
                    window.add(self._look(frame, known, roll), light)
                bar.update(report.frames - bar.n)
            window.finish()
            bar.update(report.frames - bar.n)
        return person

    def track(self, open_source: Callable[[], Source]) -> list[ClipFrame]:
        """Return the network's answer and MediaPipe's landmarks for every frame."""
        self._tracker.reset()
        frames = []
        for frame in tqdm(_pictures(open_source), desc="track", unit="frame", disable=None, leave=False):
            faces, landmarks = self._tracker.track(frame), None
            raw, confidence = (faces[0].raw, faces[0].confidence) if faces else (None, 0.0)
            if raw is not None:
                (landmarks,) = self._landmarks(frame.image, [raw])
            frames.append(ClipFrame(frame.index, frame.timestamp, raw, confidence, landmarks))
        return frames

    def _look(self, frame: Frame, known: ClipFrame, roll: float) -> _Seen:
        assert known.raw is not None
        crop = replace(crop_of(self.model.layout, known.raw), angle=roll)
        seen = self._observe(frame.image, crop, known.raw, known.landmarks)
        return _Seen(frame.without_picture(), known, crop, seen, crop.lower(self.model.layout, known.raw))

    def _solve_person(self, chosen: Sequence[_Seen]) -> NDArray[np.float32]:
        """(P,) neutral but for the identity and albedo that explain the chosen frames best."""
        layout, steps = self.model.layout, self.config.person_steps
        start, seen = torch.from_numpy(np.stack([one.network for one in chosen])), [one.seen for one in chosen]
        with tqdm(total=steps, desc="person", unit="step", disable=None, leave=False) as bar:
            solution = self._solver.solve(start, Observation.cat(seen), steps, shared=PERSON, tick=bar.update)
        person = layout.neutral()
        for name in PERSON:
            person[layout.slices[name]] = solution.parameters[0, layout.slices[name]].numpy()
        return person


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame without its picture, what was observed of its crop, and the network's answer (P,) in px of the crop."""

    frame: Frame
    known: ClipFrame
    crop: Crop
    seen: Observation
    network: NDArray[np.float32]


class _Window:
    """Collects frames in a row, solves them together, and passes them on.

    The two frames before a window, solved already, and some frames after it keep its ends as smooth as its middle.
    """

    def __init__(
        self,
        layout: ParameterLayout,
        solver: Solver,
        person: NDArray[np.float32],
        deliver: Callable[[Result], object],
        report: ClipReport,
    ) -> None:
        self._layout, self._solver, self._person = layout, solver, person
        self._owner = Person(1, person[layout.slices["identity"]], person[layout.slices["albedo"]], settled=True)
        self._deliver, self._report = deliver, report
        self._waiting: list[tuple[_Seen, NDArray[np.float32]]] = []  # with the start (P,) in px of the crop
        self._before: list[NDArray[np.float32]] = []  # at most two solved vectors (P,) in frame px

    def add(self, seen: _Seen, light: NDArray[np.float32]) -> None:
        """Add the next frame, with the light (P,) in frame px to begin with; solves when a window is full."""
        start = np.array(seen.known.raw)
        for names, source in ((PERSON, self._person), (_LIGHT, light)):
            for name in names:
                start[self._layout.slices[name]] = source[self._layout.slices[name]]
        self._waiting.append((seen, seen.crop.lower(self._layout, start)))
        config = self._solver.config
        if len(self._waiting) == config.window + config.overlap:
            self._solve(config.window)

    def finish(self) -> None:
        """Solve what waits: the clip ends, or the face is gone."""
        if self._waiting:
            self._solve(len(self._waiting))
        self._before = []

    def _solve(self, count: int) -> None:
        """Solve all that wait, pass on the first `count` of them."""
        frames, config = [frame for frame, _ in self._waiting], self._solver.config
        start = torch.from_numpy(np.stack([start for _, start in self._waiting]))
        network = torch.from_numpy(np.stack([frame.network for frame in frames]))
        seen = Observation.cat([frame.seen for frame in frames])
        smoothness = Smoothness(self._layout, config, [frame.crop for frame in frames], self._before)
        solution = self._solver.solve(start, seen, config.frame_steps, fixed=PERSON, also=smoothness)
        fits = replace(solution, before=self._solver.fit(network, seen)).fits()
        for frame, solved, fit in zip(frames[:count], solution.parameters, fits, strict=False):
            vector = self._layout.constrain(frame.crop.lift(self._layout, solved.numpy()))
            self._before = [*self._before, vector][-2:]
            self._report.frames += 1
            self._report.fits.append(fit)
            face = Face(
                id=1,
                state=TrackingState.TRACKING,
                smoothed=vector,
                person=self._owner,
                raw=frame.known.raw,
                crop=frame.crop,
                confidence=frame.known.confidence,
            )
            self._deliver(Result(frame.frame, frame.known.timestamp, (face,)))
        self._waiting = self._waiting[count:]


class Smoothness:
    """Tells how little parameters change their course from frame to frame, whatever crops they were seen in.

    A change counts with its logarithm: trembling is many small ones, and the lids of a blink fall in one frame.

    Args:
        layout: of the vectors.
        config: weight and units.
        crops: of the T frames, all turned alike.
        before: up to two vectors (P,) in frame px of the frames before them.
    """

    def __init__(
        self, layout: ParameterLayout, config: SolveConfig, crops: Sequence[Crop], before: Sequence[NDArray]
    ) -> None:
        self._layout, self._weight = layout, config.weights.acceleration
        self._units = unit_vector(layout, config.deviations)
        self._moving = torch.cat([torch.arange(layout.size)[layout.slices[name]] for name in _MOVING])
        common = crops[0]
        self._zoom = torch.tensor([crop.side / common.side for crop in crops])[:, None]  # (T, 1)
        corners = common.lower_points([crop.to_frame()[:, 2] for crop in crops])
        self._offset = torch.tensor(corners, dtype=torch.float32)  # (T, 2)
        context = [torch.from_numpy(common.lower(layout, vector))[None] for vector in before]
        ones, zeros = torch.ones(1, 1), torch.zeros(1, 2)
        self._context = [self._comparable(vector.float(), ones, zeros) for vector in context]

    def __call__(self, parameters: Tensor) -> Tensor:
        """Return the weighted sum () over the frames of parameters (T, P), each in px of its crop."""
        values = torch.cat([*self._context, self._comparable(parameters, self._zoom, self._offset)])
        if len(values) < 3:
            return parameters.new_zeros(())
        second = values[2:] - 2.0 * values[1:-1] + values[:-2]
        return self._weight * second.abs().log1p().mean(dim=1).sum()

    def _comparable(self, parameters: Tensor, zoom: Tensor, offset: Tensor) -> Tensor:
        """(T, M) what moves, as one crop sees it, in units of `Deviations`."""
        own = {name: parameters[:, span] for name, span in self._layout.slices.items()}
        own["translation"] = own["translation"] * zoom + offset
        own["scale"] = (own["scale"] * zoom).log()
        own["shininess"] = own["shininess"].log()
        return (torch.cat(list(own.values()), dim=1) / self._units)[:, self._moving]


def keyframes(layout: ParameterLayout, tracked: Sequence[ClipFrame], count: int) -> list[ClipFrame]:
    """Return up to `count` tracked frames that show the person most differently, one of a face that looks at us first.

    Frames without landmarks serve only where there are no others.
    """
    good = [frame for frame in tracked if frame.landmarks is not None] or list(tracked)
    vectors = np.stack([frame.raw for frame in good if frame.raw is not None])
    turns = vectors[:, layout.slices["rotation"]] * 2.0  # half a radian counts as much as a whole expression
    looks = np.concatenate([turns, vectors[:, layout.slices["expression"]]], axis=1)
    facing = np.array([layout.view(vector).rotation[2, 2] for vector in vectors])
    confidence = np.array([frame.confidence for frame in good])
    chosen = [int(np.argmax(facing * confidence))]
    nearest = np.linalg.norm(looks - looks[chosen[0]], axis=1) * confidence
    while len(chosen) < min(count, len(good)):
        chosen.append(int(np.argmax(nearest)))
        apart = np.linalg.norm(looks - looks[chosen[-1]], axis=1) * confidence
        nearest = np.minimum(nearest, apart)
    return [good[i] for i in sorted(set(chosen))]


def _pictures(open_source: Callable[[], Source]) -> Iterator[Frame]:
    with closing(open_source()) as source:
        while (frame := source.read()) is not None:
            yield frame


def _usual_roll(layout: ParameterLayout, tracked: Sequence[ClipFrame]) -> float:
    """One angle for all crops: what is smooth in the crops is smooth in the frame."""
    angles = [np.exp(1j * crop_of(layout, frame.raw).angle) for frame in tracked if frame.raw is not None]
    return float(np.angle(np.median(np.real(angles)) + 1j * np.median(np.imag(angles))))


def _averaged(frames: Sequence[ClipFrame], seconds: float) -> list[NDArray[np.float32] | None]:
    """For each frame the mean (P,) of the network's answers within `seconds` around it; None without a face."""
    times = np.array([frame.timestamp for frame in frames])

    def mean(frame: ClipFrame) -> NDArray[np.float32] | None:
        if frame.raw is None:
            return None
        first, last = np.searchsorted(times, (frame.timestamp - seconds / 2, frame.timestamp + seconds / 2))
        around = [near.raw for near in frames[first:last] if near.raw is not None] or [frame.raw]
        return np.stack(around).mean(axis=0, dtype=np.float64).astype(np.float32)

    return list(map(mean, frames))
