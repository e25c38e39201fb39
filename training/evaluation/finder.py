"""What the finder finds: rendered faces by size and angle, and people on photographs as `reconstruct` believes them.

    python -m training.evaluation.finder [--data DIR] [--people N] [--network NAME]

Prints the tables in Markdown.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel, LimelightError
from realtime.engines import open_engine
from realtime.engines.base import Engine
from realtime.reconstruction import Reconstructor
from realtime.sources.images import read_image
from realtime.tracking.finder import TurningFaceFinder, open_finder
from realtime.tracking.found_face import FoundFace
from training.evaluation.finder_scenes import FinderScene, FinderScenes

_NEAR = 0.3
"""Of a face's size: a face is found if the middle of a box is so near to its own."""


@dataclass(frozen=True)
class RenderFinding:
    """What became of one rendered face.

    Attributes:
        size: px. yaw, roll: degrees, yaw without its sign.
        found: whether it was.
        lean: degrees between its roll and that of the points found; NaN if it was not.
        others: how many more faces were found, where there are none.
        seconds: that it took.
    """

    size: float
    yaw: float
    roll: float
    found: bool
    lean: float
    others: int
    seconds: float


@dataclass(frozen=True)
class PhotoFinding:
    """What became of one photograph.

    Attributes:
        name: of its file.
        people: how many boxes people drew.
        missed: boxes (left, top, width, height) without a face that is believed.
        unmarked: boxes (left, top, right, bottom) that are believed where nobody drew one: of others or of no face.
    """

    name: str
    people: int
    missed: list[tuple[int, ...]]
    unmarked: list[tuple[int, ...]]


def measure_renders(
    find: Callable[[NDArray[np.uint8]], list[FoundFace]], scenes: Iterable[FinderScene]
) -> list[RenderFinding]:
    """Look for the face of each scene."""
    findings = []
    for scene in scenes:
        start = time.perf_counter()
        faces = find(scene.image)
        seconds = time.perf_counter() - start
        faces = sorted(faces, key=lambda face: math.dist(face.centre, scene.centre))
        found = bool(faces) and math.dist(faces[0].centre, scene.centre) < _NEAR * scene.size
        lean = abs((_roll(faces[0]) - scene.roll + 180.0) % 360.0 - 180.0) if found else float("nan")
        findings.append(
            RenderFinding(scene.size, abs(scene.yaw), scene.roll % 360.0, found, lean, len(faces) - found, seconds)
        )
    return findings


def measure_photos(model: FaceModel, engine: Engine, finder: TurningFaceFinder, folder: Path) -> list[PhotoFinding]:
    """Look for the people on photographs of a folder, with the boxes that its *.xml give (dlib's format).

    Raises:
        LimelightError: a picture or a list of boxes is missing or unreadable.
    """
    reconstructor = Reconstructor(model, engine, finder)
    boxes = _boxes(folder)
    findings = []
    for path in tqdm(sorted(folder.glob("*.jpg")), unit="photo", leave=False):
        image = read_image(path)
        faces = [face for face in finder.find(image) if reconstructor.place(image, face) is not None]
        taken: set[int] = set()
        missed = []
        for box in boxes.get(path.name, []):
            middle = (box[0] + 0.5 * box[2], box[1] + 0.5 * box[3])
            near = {k for k, face in enumerate(faces) if math.dist(face.centre, middle) < 0.5 * box[2]}
            taken |= near
            if not near:
                missed.append(box)
        unmarked = [tuple(face.box.round().astype(int).tolist()) for k, face in enumerate(faces) if k not in taken]
        findings.append(PhotoFinding(path.name, len(boxes.get(path.name, [])), missed, unmarked))
    return findings


def render_tables(findings: Sequence[RenderFinding]) -> str:
    """Shares found by size and yaw, and by roll, in Markdown."""
    yaws = sorted({finding.yaw for finding in findings})
    sizes = sorted({finding.size for finding in findings})
    lines = ["| size, px | " + " | ".join(f"yaw {yaw:.0f}°" for yaw in yaws) + " |", "| ---: |" + " ---: |" * len(yaws)]
    for size in sizes:
        cells = [_share(f.found for f in findings if f.size == size and f.yaw == yaw) for yaw in yaws]
        lines.append(f"| {size:.0f} | " + " | ".join(cells) + " |")
    lines += ["", "| roll | found |", "| ---: | ---: |"]
    for start in range(0, 360, 45):
        within = [f for f in findings if start - 22.5 <= (f.roll + 22.5) % 360.0 - 22.5 < start + 22.5]
        lines.append(f"| {start}° ± 22.5° | {_share(f.found for f in within)} |")
    large, known = [f for f in findings if f.size >= 32], [f for f in findings if f.found]
    lines += [
        "",
        f"- 32 px and more, yaw to 75°: {_share(f.found for f in large if f.yaw <= 75)} (at least 98 %)",
        f"- 32 px and more, yaw 90°: {_share(f.found for f in large if f.yaw > 75)} (at least 95 %)",
        f"- the right way up, of those found, yaw to 75°: {_share(f.lean < 50 for f in known if f.yaw <= 75)}",
        f"- the right way up, of those found, yaw 90°: {_share(f.lean < 50 for f in known if f.yaw > 75)}",
        f"- further faces, before the network's confidence and the vote: {sum(f.others for f in findings)} "
        f"in {len(findings)} pictures",
        f"- seconds a picture, everything searched: {np.median([f.seconds for f in findings]):.3f}",
    ]
    return "\n".join(lines)


def photo_table(findings: Sequence[PhotoFinding]) -> str:
    """What was missed and what else was believed, in Markdown."""
    lines = ["| photograph | people | missed | believed, not marked |", "| --- | ---: | --- | --- |"]
    lines += [f"| {f.name} | {f.people} | {f.missed or '-'} | {f.unmarked or '-'} |" for f in findings]
    missed = sum(len(f.missed) for f in findings)
    lines += ["", f"- missed: {missed} of {sum(f.people for f in findings)} (at most 2)"]
    return "\n".join(lines)


def _share(values: Iterable[bool]) -> str:
    known = list(values)
    return f"{100.0 * sum(known) / len(known):.1f} %" if known else "none"


def _roll(face: FoundFace) -> float:
    """Degrees, clockwise in the picture, by the mouth and the eyes."""
    x, y = face.points[3] - face.points[:2].mean(axis=0)
    return math.degrees(math.atan2(-x, y))


def _boxes(folder: Path) -> dict[str, list[tuple[int, ...]]]:
    """{file: boxes (left, top, width, height)}."""
    boxes = {}
    try:
        for name in ("testing.xml", "training.xml"):
            for entry in ElementTree.parse(folder / name).getroot().iter("image"):
                boxes[entry.attrib["file"]] = [
                    tuple(int(box.attrib[key]) for key in ("left", "top", "width", "height"))
                    for box in entry.iter("box")
                ]
    except (OSError, KeyError, ValueError, ElementTree.ParseError) as error:
        raise LimelightError(f"boxes in {folder}: missing or unreadable ({error})") from error
    return boxes


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.evaluation.finder", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("LIMELIGHT_DATA"), help="data folder")
    parser.add_argument("--people", type=int, default=4, help="rendered at each size, yaw and roll (default: 4)")
    parser.add_argument("--network", default="student", help="that believes (default: student)")
    args = parser.parse_args(arguments)
    try:
        model, finder = FaceModel.load(), open_finder()
        scenes = FinderScenes(people=args.people)
        drawn = tqdm(scenes.draw(model), total=len(scenes), unit="render", leave=False)
        print(render_tables(measure_renders(finder.find, drawn)), flush=True)
        folder = args.data and Path(args.data, "eval", "dlib")
        if folder and folder.is_dir():
            print("\n" + photo_table(measure_photos(model, open_engine(args.network, model), finder, folder)))
    except LimelightError as error:
        print(f"training.evaluation.finder: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
