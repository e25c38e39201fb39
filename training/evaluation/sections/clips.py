"""Clips through the live loop, against MediaPipe's points on the same frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from facemodel import FaceModel
from training.evaluation.bootstrap import estimate, median
from training.evaluation.context import Context, TrackedClip
from training.evaluation.measures import errors_against_points, rotation_error, rotation_seen_along_view_ray
from training.evaluation.section import Findings, Measure, Section, count

_MAX_TRACKED_NME = 0.10
_BLINK_PROMINENCE = 0.25  # of a lid's way, by which it closes more than around it
_KEPT_SHARE, _KEPT_WITHIN = 0.7, 0.1  # of a blink's height; s
LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
_KEYS = ("tracked", "nme68", "nme68_inner", "rotation_deg")


def measure(context: Context) -> Findings:
    """Find `clip_figures` of every clip, means of the raw ones over the clips, and the blinks of all together.

    Without a blink there is no figure of how many are kept, nor of MediaPipe's without one that it sees.
    """
    clips = [(clip.name, clip_figures(context.model, clip)) for clip in context.tracked_clips]
    raw, smoothed = ([figures[stage] for _, figures in clips] for stage in ("raw", "smoothed"))

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        means = {key: float(np.mean([raw[i][key] for i in index])) for key in _KEYS}
        for key in ("blinks", "mediapipe_blinks"):
            blinks, kept = (sum(rows[i][key] for i in index) for rows in (raw, smoothed))
            means |= {key: blinks} | ({f"{key}_kept": kept / blinks} if blinks else {})
        return means

    found = estimate(figures, np.arange(len(clips)))
    total = {"frames": float(sum(row["frames"] for row in raw))}
    table = {f"{name} {stage}": row for name, stages in clips for stage, row in stages.items()}
    return Findings(total | found.figures, {"clips": table}, intervals=found.intervals)


def clip_figures(model: FaceModel, clip: TrackedClip) -> dict[str, dict[str, float]]:
    """Return {"raw": ..., "smoothed": ...}: `ClipReport.summary` of both; smoothed only where raw was tracked.

    `blinks` of raw are those of both lids, each counted by itself; of smoothed, those of them that it keeps.
    `mediapipe_blinks` of raw are those that MediaPipe's scores of the lids have, likewise.
    """
    reports = {"raw": ClipReport(), "smoothed": ClipReport()}
    names, span = model.layout.expression_names, model.layout.slices["expression"]
    lids = [span.start + names.index(name) for name in LIDS if name in names]
    curves = np.full((2, len(clip.raw), len(lids)), np.nan)  # of raw and smoothed
    for t, tracked in enumerate(clip.raw):
        found = bool(np.isfinite(clip.matrices[t]).all())
        points, matrix = (clip.landmarks[t], clip.matrices[t]) if found else (None, None)
        for curve, report, vectors in zip(curves, reports.values(), (clip.raw, clip.smoothed), strict=True):
            vector = None if tracked is None else vectors[t]
            report.add(model, vector, points, matrix)
            if vector is not None:
                curve[t] = vector[lids]
    times = np.arange(len(clip.raw)) / clip.fps
    counts = {
        "blinks": [count_blinks(raw, smoothed, times) for raw, smoothed in curves.transpose(2, 0, 1)],
        "mediapipe_blinks": [count_blinks(*lid, times) for lid in zip(clip.lids.T, curves[1].T, strict=False)],
    }
    return {
        stage: report.summary() | {key: float(sum(lid[i] for lid in each)) for key, each in counts.items()}
        for i, (stage, report) in enumerate(reports.items())
    }


@dataclass
class ClipReport:
    """One clip against MediaPipe's points and head matrix.

    Attributes:
        frames, tracked: how many. A frame further than 10 % NME from MediaPipe's points is not tracked, whatever the
            tracker says.
        errors: (NME, the same without the jaw line, rotation in degrees) of each frame that both saw.
    """

    frames: int = 0
    tracked: int = 0
    errors: list[tuple[float, float, float]] = field(default_factory=list)

    def add(
        self, model: FaceModel, vector: NDArray | None, landmarks478: NDArray | None, matrix: NDArray | None
    ) -> None:
        """Take in one frame.

        Args:
            model: of the parameters.
            vector: (P,) in frame pixels; None where the tracker did not track.
            landmarks478, matrix: (478, 2) px and (4, 4), MediaPipe's; None where it found no face.
        """
        self.frames += 1
        if vector is None:
            return
        if landmarks478 is None or matrix is None:
            self.tracked += 1
            return
        nme, inner = errors_against_points(model, vector, landmarks478)
        self.tracked += nme < _MAX_TRACKED_NME
        self.errors.append((nme, inner, rotation_error(model, vector, rotation_seen_along_view_ray(matrix))))

    def summary(self) -> dict[str, float]:
        """Return counts, and medians over the frames that both saw; NME as a fraction, rotation in degrees."""
        columns = np.array(self.errors).reshape(-1, 3).T
        medians = zip(("nme68", "nme68_inner", "rotation_deg"), map(median, columns), strict=True)
        return {"frames": self.frames, "tracked": self.tracked / max(self.frames, 1), **dict(medians)}


def count_blinks(
    raw: NDArray[np.floating], filtered: NDArray[np.floating], times: NDArray[np.floating]
) -> tuple[int, int]:
    """Count the blinks of one lid, and those of them that are in another curve of it, such as the filtered one.

    A blink is a local maximum of the raw curve with a prominence (its height over the more closed of its two sides) of
    at least a quarter. It is kept if the other curve has a maximum with 70 % of that height within 0.1 s, which
    keeps one blink only.

    Args:
        raw, filtered: (T,) eyeBlinkLeft or eyeBlinkRight, 0..1; NaN where the face was not tracked.
        times: (T,) s.
    Returns: How many blinks the raw curve has, and how many of them are kept.
    """
    blinks = kept = 0
    tracked = np.isfinite(raw) & np.isfinite(filtered)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tracked, [False]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        run = slice(start, stop)
        peaks, found = find_peaks(raw[run], prominence=_BLINK_PROMINENCE)
        places, answers = find_peaks(filtered[run], prominence=_KEPT_SHARE * _BLINK_PROMINENCE)
        free = np.ones(len(places), bool)
        for time, height in zip(times[run][peaks], found["prominences"], strict=True):
            high = answers["prominences"] >= _KEPT_SHARE * height
            near = free & high & (np.abs(times[run][places] - time) <= _KEPT_WITHIN)
            if near.any():
                free[np.argmax(near)] = False
                kept += 1
        blinks += len(peaks)
    return blinks, kept


SECTION = Section(
    "clips",
    "Clips in the live loop",
    "Medians over the frames that both saw, means over the clips. A frame further than 10 % NME from MediaPipe's "
    "points is not tracked, whatever the tracker says. A lid that closes by a quarter more than around it blinks; the "
    "blink is kept if the smoothed lid closes by 70 % of that within 0.1 s. The same for the blinks in MediaPipe's "
    "scores, which close half-way where eyes are shut.",
    (
        count("frames", "frames"),
        Measure("tracked", "tracked", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("rotation_deg", "head rotation", "degrees"),
        count("blinks", "blinks of the raw lids, each by itself"),
        Measure("blinks_kept", "of them in the smoothed lids", "%", limit=0.95, larger_is_better=True, digits=1),
        count("mediapipe_blinks", "blinks that MediaPipe sees"),
        Measure(
            "mediapipe_blinks_kept", "of them in the smoothed lids", "%", limit=0.9, larger_is_better=True, digits=1
        ),
    ),
    measure,
)
