"""Measures what calibration does on the clips of the data folder, beside MediaPipe's scores, as a Markdown table.

    python scripts/measure_calibration.py [--network student-int8] [--frames 1500]

Nobody acts the guided poses on these clips. Its stand-in: the neutral is that of resting frames of the first half, the
tops are the strongest frames of the clip where MediaPipe sees the expression too; rest is measured on the second half.
Resting are the quarter of the frames in which MediaPipe's scores are lowest, gaze and lids left out, with open eyes.
"By itself" is what `RestEstimator` does, from 3 s on. Smiles are the tenth of the frames in which MediaPipe's is
strongest.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from facemodel import ARKIT_NAMES, FaceModel  # noqa: E402
from limelight.engine_kinds import ENGINE_KINDS  # noqa: E402
from realtime.engines.choice import ChoiceConfig, EngineChooser  # noqa: E402
from realtime.persons.calibration import Calibration, neutral_of  # noqa: E402
from realtime.persons.rest import RestEstimator  # noqa: E402
from realtime.sources import open_source  # noqa: E402
from realtime.tracking.finder import open_finder  # noqa: E402
from realtime.tracking.smoothing import Smoother  # noqa: E402
from realtime.tracking.tracker import Tracker  # noqa: E402
from training.data.landmarker import Landmarker  # noqa: E402
from training.evaluation.sections.clips import count_blinks  # noqa: E402


def _columns(*beginnings: str) -> NDArray[np.bool_]:
    return np.array([name.startswith(beginnings) for name in ARKIT_NAMES])


GAZE, LIDS, SMILE = _columns("eyeLook"), _columns("eyeBlink"), _columns("mouthSmile")


@dataclass
class Clip:
    """What network and MediaPipe say of N frames.

    Attributes:
        time: (N,) s.
        raw: (N, 52) the network's weights; NaN where it tracks nobody.
        theirs: (N, 52) MediaPipe's scores; NaN where it finds nobody.
        confidence, frontal: (N,) of the network; cosine between the head and the camera.
        drawn: (N, 52) smoothed, of somebody who was not calibrated.
        plain: (N, 52) the network's weights, smoothed.
    """

    time: NDArray
    raw: NDArray
    theirs: NDArray
    confidence: NDArray
    frontal: NDArray
    drawn: NDArray
    plain: NDArray

    @property
    def both(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.raw[:, 0]) & ~np.isnan(self.theirs[:, 0])

    @property
    def at_rest(self) -> NDArray[np.bool_]:
        """(N,) whether the face rests."""
        score, lids = self.theirs[:, ~GAZE & ~LIDS].mean(axis=1), self.theirs[:, LIDS].max(axis=1)
        open_eyed = self.both & (lids < 0.35)
        return open_eyed & (score <= np.quantile(score[open_eyed], 0.25))


def watch(path: Path, tracker: Tracker, landmarker: Landmarker, frames: int) -> Clip:
    """Return what both say of the first frames of a clip."""
    span, layout = tracker.model.layout.slices["expression"], tracker.model.layout
    nobody, rows = np.full(52, np.nan), []
    source, smoother = open_source(str(path)), Smoother(layout)
    tracker.reset(thorough=True)
    for _ in tqdm(range(frames), desc=path.stem, disable=None, leave=False):
        frame = source.read()
        if frame is None:
            break
        faces, found = tracker.track(frame, frame.timestamp, {}), landmarker.find(frame.image)
        raw = faces[0].raw if faces else None
        theirs = [found[0].scores.get(name, 0.0) for name in ARKIT_NAMES] if found else nobody
        frontal = 0.0 if raw is None else float(layout.view(raw).rotation[2, 2])
        confidence = faces[0].confidence if faces else 0.0
        ours = drawn = plain = nobody
        if raw is not None:
            ours, drawn = raw[span], faces[0].smoothed[span]
            plain = smoother.update(raw, frame.timestamp, confidence, layout.view(raw).rotation)[span].copy()
        rows.append((frame.timestamp, ours, theirs, confidence, frontal, drawn, plain))
    source.close()
    return Clip(*(np.array(column, float) for column in zip(*rows, strict=True)))


def by_itself(clip: Clip) -> NDArray:
    """(N, 52) as it is read of somebody who was not calibrated."""
    rest, read = RestEstimator(ARKIT_NAMES), np.full_like(clip.raw, np.nan)
    for i in np.flatnonzero(~np.isnan(clip.raw[:, 0])):
        calibration = rest.see(clip.raw[i], clip.time[i], clip.confidence[i], clip.frontal[i])
        calibration.apply(clip.raw[i], read[i])
    return read


def guided(clip: Clip) -> NDArray:
    """(N, 52) as it is read after a calibration."""
    first_half = np.arange(len(clip.time)) < len(clip.time) // 2
    neutral = np.minimum(neutral_of(clip.raw[clip.at_rest & first_half], ARKIT_NAMES), 0.5)
    reach = np.quantile(clip.raw[clip.both], 0.98, axis=0) - neutral
    acted = _columns("eyeBlink", "mouthSmile", "jawOpen") & (clip.theirs[clip.both].max(axis=0) > 0.5) & (reach > 0.3)
    top = np.where(acted, np.minimum(neutral + np.maximum(0.9 * reach, 0.3), 1.0), 1.0)
    calibration = Calibration.none(ARKIT_NAMES).measured(neutral, top)
    read = np.full_like(clip.raw, np.nan)
    for i in np.flatnonzero(~np.isnan(clip.raw[:, 0])):
        calibration.apply(clip.raw[i], read[i])
    return read


def blinks(weights: NDArray) -> int:
    """Return how often both lids together shut: above .5, after they were below .3."""
    shut, count = False, 0
    for value in np.nan_to_num(weights[:, LIDS].mean(axis=1)):
        count += not shut and value > 0.5
        shut = value > 0.5 or (shut and value >= 0.3)
    return count


def kept_maxima(clip: Clip, weights: NDArray) -> NDArray[np.int_]:
    """Return how many maxima the raw lids have, and how many of them are in (N, 52) weights, see `count_blinks`."""
    return np.sum([count_blinks(clip.raw[:, i], weights[:, i], clip.time) for i in np.flatnonzero(LIDS)], axis=0)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="student-int8")
    parser.add_argument("--frames", type=int, default=1500, help="of each clip at most")
    args = parser.parse_args()
    data = Path(os.environ.get("LIMELIGHT_DATA", ROOT.parent / "shared" / "sources"))
    clips = sorted(path for path in (data / "videos").glob("*.mp4"))
    if not clips:
        sys.exit(f"data folder {data} has no videos; set LIMELIGHT_DATA")
    model = FaceModel.load()
    engine = EngineChooser(ENGINE_KINDS, lambda _: None).open(args.network, model, ChoiceConfig(2, 30.0), "onnxruntime")
    tracker = Tracker(model, engine, open_finder())
    ratios: list[list[float]] = []
    seen = np.zeros((4, 2), int)  # maxima of lids by itself, guided, drawn, plain: raw and kept
    print("| clip | at rest: raw, by itself, MediaPipe | raw, guided | smiles: raw, by itself, guided, MediaPipe | "
          "blinks: raw, by itself, guided, drawn, MediaPipe |\n|---|---|---|---|---|")  # fmt: skip
    with Landmarker(max_faces=1) as landmarker:
        for path in clips:
            clip = watch(path, tracker, landmarker, args.frames)
            read, ours = by_itself(clip), guided(clip)
            late = clip.at_rest & (clip.time > clip.time[0] + 3.0)
            late = late if late.any() else clip.at_rest
            second = clip.at_rest & (np.arange(len(clip.time)) >= len(clip.time) // 2)
            smile = clip.theirs[:, SMILE].mean(axis=1)
            strong = clip.both & (smile > np.quantile(smile[clip.both], 0.9))
            ratios.append([
                calibrated[rest][:, which].mean() / clip.raw[rest][:, which].mean()
                for which in (slice(None), ~GAZE)
                for calibrated, rest in ((read, late), (ours, second))
            ])  # fmt: skip
            seen += [kept_maxima(clip, weights) for weights in (read, ours, clip.drawn, clip.plain)]
            cells = (
                f"{clip.raw[late].mean():.3f}, {read[late].mean():.3f}, {clip.theirs[late].mean():.3f}",
                f"{clip.raw[second].mean():.3f}, {ours[second].mean():.3f}",
                ", ".join(f"{each[strong][:, SMILE].mean():.2f}" for each in (clip.raw, read, ours, clip.theirs)),
                ", ".join(str(blinks(each)) for each in (clip.raw, read, ours, clip.drawn, clip.theirs)),
            )
            print(f"| {path.stem} | {' | '.join(cells)} |", flush=True)
    means = np.mean(ratios, axis=0)
    print(f"\nMean of the ratios at rest: by itself {means[0]:.2f}, guided {means[1]:.2f}; without gaze "
          f"{means[2]:.2f}, {means[3]:.2f}")  # fmt: skip
    itself, guide, drawn, plain = 100.0 * seen[:, 1] / seen[:, 0]
    print(f"Of {seen[0, 0]} maxima of lids kept: by itself {itself:.1f} %, guided {guide:.1f} %, drawn {drawn:.1f} %, "
          f"drawn without calibration {plain:.1f} %")  # fmt: skip


if __name__ == "__main__":
    main()
