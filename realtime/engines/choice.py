"""Which engine runs which network on this machine: measured once, remembered, and never without a way back."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import platformdirs

from facemodel import CROP_SIZE, Crop, FaceModel, LimelightError
from facemodel.whole_files import whole_file
from realtime.engines.base import Engine
from realtime.engines.fallback import FallbackEngine
from realtime.engines.kind import EngineKind

_log = logging.getLogger(__name__)

AUTO = "auto"
LIGHTER = ("int8",)
"""Endings of the same network in fewer bits: beside `student.onnx`, `student-int8.onnx`. From the best on down."""

_SHARE = 0.5
"""Of the time between two frames that the network may take; the rest is for capture, smoothing and drawing."""

_WARM_UP = 3  # looks that are not timed
_FEWEST_LOOKS = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChoiceConfig:
    """Attributes:
    threads: that one look may take.
    rate: of the camera, frames a second: what an engine has to keep up with.
    seconds: that all measuring together takes, about.
    """

    threads: int = 2
    rate: float = 30.0
    seconds: float = 1.0

    @property
    def budget(self) -> float:
        """Seconds that one look may take."""
        return _SHARE / self.rate


def look_seconds(engine: Engine, model: FaceModel, seconds: float) -> float:
    """Median time of one look of an engine that follows a face, s; measures for about `seconds`."""
    side = engine.resolution
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    neutral = model.layout.neutral()
    p = model.layout.view(neutral)
    around = Crop.around_head(p.rotation, p.translation, p.scale)
    seen = model.layout.view(around.lower(model.layout, neutral))
    pose = np.concatenate([seen.vector[model.layout.slices[name]] for name in ("rotation", "translation", "scale")])
    assert 0.0 < float(pose[-1]) < CROP_SIZE
    times: list[float] = []
    until = perf_counter() + seconds
    while len(times) < _WARM_UP + _FEWEST_LOOKS or perf_counter() < until:
        start = perf_counter()
        engine.infer(crop, pose)
        times.append(perf_counter() - start)
    return float(np.median(times[_WARM_UP:]))


class ChoiceMemory:
    """Remembers choices in a file of the user's cache, by everything that they depend on."""

    def __init__(self, path: Path | None = None) -> None:
        """With `engines.json` in the platform's cache folder if no path."""
        self.path = path or platformdirs.user_cache_path("limelight") / "engines.json"

    def recall(self, key: str) -> tuple[str, str, float] | None:
        """Engine, name of the network file, and seconds of a look; None if nothing usable is remembered."""
        entry: Any = self._load().get(key)
        try:
            return str(entry["engine"]), str(entry["network"]), float(entry["seconds"])
        except (KeyError, TypeError, ValueError):
            return None

    def remember(self, key: str, engine: str, network: str, seconds: float) -> None:
        """Replace the file in one step. A folder that cannot be written costs the next start a second, nothing more."""
        entries = self._load() | {key: {"engine": engine, "network": network, "seconds": seconds}}
        try:
            with whole_file(self.path, str(self.path), shared=True) as part:
                part.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        except LimelightError as error:
            _log.info("%s: the choice of engine is not remembered", error)

    def _load(self) -> dict:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class _Measured:
    """An engine that was opened and timed: seconds of one look."""

    kind: EngineKind
    network: Path
    engine: Engine
    seconds: float


class EngineChooser:
    """Opens the engine that suits this machine, and says in one line what it chose and why.

    Args:
        kinds: engines to choose from; the first wins a tie.
        say: takes one line for the user.
        memory: of choices; the user's own if None.
        measure: seconds of one look; `look_seconds` unless a test knows better.
    """

    def __init__(
        self,
        kinds: Sequence[EngineKind],
        say: Say,
        memory: ChoiceMemory | None = None,
        measure: Callable[[Engine, FaceModel, float], float] = look_seconds,
    ) -> None:
        self._kinds = tuple(kinds)
        self._say = say
        self._memory = memory or ChoiceMemory()
        self._measure = measure

    def open(self, network: Path, model: FaceModel, config: ChoiceConfig | None = None, engine: str = AUTO) -> Engine:
        """The engine for a network.

        Args:
            network: file; with `auto`, one beside it with fewer bits (`LIGHTER`) takes its place where only that keeps
                up.
            model: the face model in use.
            config: what it has to keep up with.
            engine: name of a kind, or `AUTO`.

        Raises:
            LimelightError: no such kind, or none of them can open the network: the reason of the first.
        """
        config = config or ChoiceConfig()
        if engine == AUTO:
            return self._automatic(network, model, config, self._kinds)
        wanted = [kind for kind in self._kinds if kind.name == engine]
        if not wanted:
            known = ", ".join((AUTO, *(kind.name for kind in self._kinds)))
            raise LimelightError(f"engine '{engine}': no such engine ({known})")
        try:
            wanted[0].describe()
            opened = self._guarded(wanted[0], network, model, config)
        except LimelightError as error:
            others = tuple(kind for kind in self._kinds if kind is not wanted[0])
            if not any(_describe(kind) for kind in others):
                raise
            self._say(f"engine '{engine}' cannot be used: {error}; choosing another")
            try:
                return self._automatic(network, model, config, others)
            except LimelightError:
                raise error from None
        self._say(f"engine: {opened.name}, as asked for")
        return opened

    def _automatic(self, network: Path, model: FaceModel, config: ChoiceConfig, kinds: Sequence[EngineKind]) -> Engine:
        usable = [(kind, description) for kind in kinds if (description := _describe(kind))]
        if not usable:
            kinds[0].describe()  # raises why
        networks = [network, *lighter(network)]
        key = _key(networks, [description for _, description in usable], config)
        remembered = self._memory.recall(key)
        if remembered is not None:
            kind = next((kind for kind, _ in usable if kind.name == remembered[0]), None)
            path = next((path for path in networks if path.name == remembered[1]), None)
            if kind is not None and path is not None:
                try:
                    engine = self._guarded(kind, path, model, config)
                except LimelightError as error:
                    self._say(f"the engine of last time cannot be used: {error}; choosing anew")
                else:
                    self._say(_line(engine, remembered[2], config, "measured before"))
                    return engine
        fastest = self._fastest([kind for kind, _ in usable], networks, model, config)
        kind, path, seconds = fastest.kind, fastest.network, fastest.seconds
        engine = self._guard(fastest.engine, kind, path, model, config)
        self._memory.remember(key, kind.name, path.name, seconds)
        self._say(_line(engine, seconds, config, "measured now"))
        return engine

    def _fastest(
        self, kinds: Sequence[EngineKind], networks: Sequence[Path], model: FaceModel, config: ChoiceConfig
    ) -> _Measured:
        """The best network that keeps up, on its fastest engine; if none does, the fastest of all."""
        each = config.seconds / (len(kinds) * len(networks))
        best: _Measured | None = None
        problems: list[LimelightError] = []
        for path in networks:
            for kind in kinds:
                try:
                    engine = kind.open(path, model, config.threads)
                    seconds = self._measure(engine, model, each)
                except LimelightError as error:
                    problems.append(error)
                    continue
                if best is None or seconds < best.seconds:
                    best = _Measured(kind, path, engine, seconds)
            if best is not None and best.seconds <= config.budget:
                break
        if best is None:
            raise problems[0]
        for problem in problems:
            self._say(f"{problem}; doing without")
        return best

    def _guarded(self, kind: EngineKind, path: Path, model: FaceModel, config: ChoiceConfig) -> Engine:
        return self._guard(kind.open(path, model, config.threads), kind, path, model, config)

    def _guard(self, engine: Engine, kind: EngineKind, path: Path, model: FaceModel, config: ChoiceConfig) -> Engine:
        """The engine, with the other kinds to go on with should it fail in the middle of a performance."""
        others = [other for other in self._kinds if other is not kind]
        return FallbackEngine(engine, _openers(others, path, model, config), self._say) if others else engine


def lighter(network: Path) -> list[Path]:
    """The files beside a network that hold it in fewer bits, the best first."""
    paths = (network.with_name(f"{network.stem}-{ending}{network.suffix}") for ending in LIGHTER)
    return [path for path in paths if path.is_file()]


def _openers(
    kinds: Sequence[EngineKind], path: Path, model: FaceModel, config: ChoiceConfig
) -> Iterator[Callable[[], Engine]]:
    for kind in kinds:
        if _describe(kind):
            yield lambda kind=kind: kind.open(path, model, config.threads)  # type: ignore[misc]


def _describe(kind: EngineKind) -> str:
    """What `kind` would run on here; "" if it cannot."""
    try:
        return kind.describe()
    except LimelightError as error:
        _log.info("%s: %s", kind.title, error)
        return ""


def _key(networks: Sequence[Path], descriptions: Sequence[str], config: ChoiceConfig) -> str:
    """Digest of all that a choice depends on: machine, engines, content of the networks, threads and rate."""
    content = {
        "machine": [platform.node(), platform.machine(), platform.processor(), os.cpu_count()],
        "engines": list(descriptions),
        "networks": [[path.name, _sha256(path)] for path in networks],
        "threads": config.threads,
        "rate": config.rate,
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Of a file's content; "" of one that cannot be read, which opening it will say better."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _line(engine: Engine, seconds: float, config: ChoiceConfig, when: str) -> str:
    enough = "keeps up with" if seconds <= config.budget else "is too slow for every one of"
    return f"engine: {engine.name}, {1000.0 * seconds:.1f} ms a look, {enough} {config.rate:g} frames a second ({when})"
