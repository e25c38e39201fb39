"""What a recipe is, and how it is followed: stage after stage, each done once, whatever stops the run in between."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import write_text
from training.config import TrainConfig

_BEFORE = "-before"
"""End of the name of a stage that begins with an earlier network."""

Program = Callable[[Sequence[str]], int]
"""Runs a command of this program, such as `export FILE --out FILE`, and returns its exit status."""


@dataclass(frozen=True)
class Stage:
    """One step of a recipe.

    Attributes:
        name: of its folder and of its mark.
        work: does it, and goes on where it was when called again; returns figures to remember.
        needs: stages whose results it takes, in the order that `work` says.
        hours: that it takes at scale 1, on two cores; training ends by them. 0 where it has an end of its own.
        count: how many things it makes or looks at, at scale 1.
        config: of its training.
    """

    name: str
    work: Callable[[Job, Stage], Mapping[str, float]]
    needs: tuple[str, ...] = ()
    hours: float = 0.0
    count: int = 0
    config: TrainConfig = field(default_factory=TrainConfig)

    @property
    def digest(self) -> str:
        """Return what tells this stage from one that does something else."""
        values = {**asdict(self), "work": self.work.__name__}
        del values["config"]["cache"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recipe:
    """From nothing to a network.

    Attributes:
        name: of the network, too.
        about: one sentence.
        stages: in the order that they are done in; a stage needs earlier ones.
        again: the stages that begin with an earlier network instead; none if it cannot.
        photographs: whether any are learned from.
        datasets: photographs of the paper's objective, as `training.data.datasets.open_dataset` names them.
    """

    name: str
    about: str
    stages: tuple[Stage, ...]
    again: tuple[Stage, ...] = ()
    photographs: bool = True
    datasets: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """Return the hours that all stages take at scale 1, on two cores."""
        return sum(stage.hours for stage in self.stages)

    def going_on(self) -> Recipe:
        """Return the recipe that begins with an earlier network.

        Raises LimelightError: there is none.
        """
        if not self.again:
            raise LimelightError(f"recipe {self.name}: begins with no earlier network; leave out --initial")
        return replace(self, stages=self.again)

    def __post_init__(self) -> None:
        known: set[str] = set()
        for stage in self.stages:
            if missing := set(stage.needs) - known:
                raise ValueError(f"recipe {self.name}: {stage.name} needs {sorted(missing)[0]}, which is not before it")
            known.add(stage.name)


@dataclass(frozen=True)
class Job:
    """One run of a recipe.

    Attributes:
        recipe: that is followed.
        out: folder of everything it makes.
        model: the face model.
        program: exports and evaluates.
        face_model: its file; None for the one that ships.
        data: the data folder, with photographs; None where there is none.
        datasets: see `Recipe`.
        scale: of counts and times, above 0; 1 for the recipe as it is written.
        pace: what the stages' hours are multiplied by beside.
        seed: of everything random.
        initial: folder of earlier networks, NAME.onnx, to begin with; None to begin with nothing.
    """

    recipe: Recipe
    out: Path
    model: FaceModel
    program: Program
    face_model: Path | None = None
    data: Path | None = None
    datasets: tuple[str, ...] = ()
    scale: float = 1.0
    pace: float = 1.0
    seed: int = 0
    initial: Path | None = None

    def earlier(self, stage: Stage) -> Path:
        """Return the file of the earlier network NAME that a stage `NAME-before` begins with."""
        assert self.initial is not None, "only a recipe that goes on begins with one"
        return self.initial / f"{stage.name.removesuffix(_BEFORE)}.onnx"

    @property
    def crops(self) -> Path:
        """Return the folder of prepared crops, see `training.data`."""
        return self.out / "data"

    @property
    def network(self) -> Path:
        """Return the exported network."""
        return self.out / f"{self.recipe.name}.onnx"

    @property
    def photos(self) -> Path:
        """Return the folder of photographs.

        Raises LimelightError: there is none.
        """
        if self.data is None or not (self.data / "photos").is_dir():
            raise LimelightError(
                f"recipe {self.recipe.name}: needs photographs; set LIMELIGHT_DATA to a folder that holds 'photos', or "
                "use --recipe student-open"
            )
        return self.data / "photos"

    def count(self, stage: Stage, least: int) -> int:
        """Return how many of `stage.count` this scale asks for, `least` at least."""
        return max(min(least, stage.count), math.ceil(stage.count * self.scale))

    def minutes(self, stage: Stage) -> float:
        """Return how long a stage may take."""
        return 60.0 * stage.hours * self.scale * self.pace

    def folder(self, stage: str) -> Path:
        """Return the folder of a stage's own files."""
        return self.out / stage

    def checkpoint(self, stage: str) -> Path:
        """Return the file with the network that a stage leaves."""
        return self.folder(stage) / "last.pt"

    def mark(self, stage: Stage) -> Mark:
        """Return what is known of a stage: the mark that an earlier run left, or a new one.

        Raises LimelightError: the earlier run had other inputs, the mark is unreadable, or so is an earlier network.
        """
        path = self.out / "marks" / f"{stage.name}.json"
        inputs = {
            "seed": self.seed,
            "scale": self.scale,
            "hours": round(stage.hours * self.pace, 4),
            "face model": self.model.digest,
            "data": [Path(name).name for name in self.datasets],
            "stage": stage.digest,
        }
        if stage.name.endswith(_BEFORE):
            inputs["network"] = _digest(self.earlier(stage))
        now = Mark(path, inputs)
        if not path.is_file():
            return now
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            mark = Mark(path, values["inputs"], values["seconds"], values["figures"], values["done"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LimelightError(f"mark {path}: unreadable; remove {self.out} or use another --out") from error
        for name, value in now.inputs.items():
            if mark.inputs.get(name) != value:
                raise LimelightError(
                    f"{self.out}: stage {stage.name} was done with {name} {mark.inputs.get(name)}, not {value}; "
                    "use another --out, or the same inputs again"
                )
        return mark


@dataclass(frozen=True)
class Mark:
    """What a stage leaves behind.

    Attributes:
        path: of the JSON.
        inputs: that its result depends on.
        seconds: that it took, as far as it was not killed.
        figures: that it found.
        done: whether it is finished.
    """

    path: Path
    inputs: dict[str, Any]
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    done: bool = False

    def write(self) -> None:
        """Write the JSON.

        Raises LimelightError: it cannot be written.
        """
        values = {name: value for name, value in asdict(self).items() if name != "path"}
        write_text(self.path, json.dumps(values, indent=1) + "\n")


def follow(job: Job) -> None:
    """Do every stage of the job's recipe that is not done yet.

    Raises:
        LimelightError: a stage was begun with other inputs, or cannot be done.
        KeyboardInterrupt: Ctrl-C came; the next call goes on.
    """
    stages = job.recipe.stages
    marks = [job.mark(stage) for stage in stages]  # all of them before an hour is spent on one
    for number, (stage, mark) in enumerate(zip(stages, marks, strict=True)):
        title = f"{number + 1}/{len(stages)} {stage.name}"
        if mark.done:
            print(f"{title}: done, {_duration(mark.seconds / 60.0)}", flush=True)
            continue
        left = sum(job.minutes(later) for later in stages[number:])
        print(f"{title}: about {_duration(job.minutes(stage))}, until the end {_duration(left)}", flush=True)
        mark.write()
        start, figures = time.monotonic(), mark.figures
        done = False
        try:
            figures = dict(stage.work(job, stage))
            done = True
        finally:
            seconds = round(mark.seconds + time.monotonic() - start, 1)
            replace(mark, seconds=seconds, figures=figures, done=done).write()
    print(f"{job.recipe.name}: all done, {job.out}", flush=True)


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise LimelightError(f"network {file}: cannot be read ({error.strerror})") from error


def _duration(minutes: float) -> str:
    return f"{minutes / 60.0:.1f} h" if minutes >= 90 else f"{minutes:.1f} min"
