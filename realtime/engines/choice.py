"""Which engine runs which network on this machine: measured once, remembered, and never without a way back."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import platformdirs

from facemodel import CROP_SIZE, Crop, FaceModel, LimelightError
from facemodel.whole_files import whole_file
from realtime.engines import AUTO, network_file
from realtime.engines.base import Engine
from realtime.engines.fallback import FallbackEngine
from realtime.engines.kind import EngineKind

_log = logging.getLogger(__name__)

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
    crops = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
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
        engine.infer(crops, pose[None])
        times.append(perf_counter() - start)
    return float(np.median(times[_WARM_UP:]))


class ChoiceMemory:
    """Remembers choices in a file of the user's cache, by everything that they depend on."""

    def __init__(self, path: Path | None = None) -> None:
        """With `engines.json` in the platform's cache folder if no path."""
        self.path = path or platformdirs.user_cache_path("limelight") / "engines.json"

    def recall(self, key: str) -> tuple[str, float] | None:
        """Return the engine and the seconds of a look; None if nothing usable is remembered."""
        entry: Any = self._load().get(key)
        try:
            return str(entry["engine"]), float(entry["seconds"])
        except (KeyError, TypeError, ValueError):
            return None

    def remember(self, key: str, engine: str, seconds: float) -> None:
        """Replace the file in one step. A folder that cannot be written costs the next start a second, nothing more."""
        entries = self._load() | {key: {"engine": engine, "seconds": seconds}}
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
class _Request:
    """What an engine is wanted for."""

    network: str
    model: FaceModel
    config: ChoiceConfig

    def file(self, kind: EngineKind) -> Path:
        return network_file(self.network, kind.network)

    def open(self, kind: EngineKind) -> Engine:
        return kind.open(self.file(kind), self.model, self.config.threads)


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

    def open(self, network: str, model: FaceModel, config: ChoiceConfig | None = None, engine: str = AUTO) -> Engine:
        """Open the engine for a network.

        Args:
            network: name or file; with `AUTO`, each engine runs its own, `EngineKind.network`.
            model: the face model in use.
            config: what it has to keep up with.
            engine: name of a kind, or `AUTO`.

        Raises:
            LimelightError: no such network or kind, or none of them can open the network: the reason of the first.
        """
        request = _Request(network, model, config or ChoiceConfig())
        for kind in self._kinds:
            request.file(kind)  # a wrong name is told before anything is opened
        if engine == AUTO:
            return self._automatic(request, self._kinds)
        wanted = next((kind for kind in self._kinds if kind.name == engine), None)
        if wanted is None:
            known = ", ".join((AUTO, *(kind.name for kind in self._kinds)))
            raise LimelightError(f"engine '{engine}': no such engine ({known})")
        try:
            wanted.describe()
            opened = self._guarded(request.open(wanted), wanted, request)
        except LimelightError as error:
            others = [kind for kind in self._kinds if kind is not wanted]
            if not any(_describe(kind) for kind in others):
                raise
            self._say(f"engine '{engine}' cannot be used: {error}; choosing another")
            try:
                return self._automatic(request, others)
            except LimelightError:
                raise error from None
        self._say(f"engine: {opened.name}, as asked for")
        return opened

    def _automatic(self, request: _Request, kinds: Sequence[EngineKind]) -> Engine:
        usable = {kind: description for kind in kinds if (description := _describe(kind))}
        if not usable:
            kinds[0].describe()  # raises why
        key = _key(request, usable)
        remembered = self._memory.recall(key)
        kind = next((kind for kind in usable if remembered and kind.name == remembered[0]), None)
        if kind is not None and remembered is not None:
            try:
                engine = self._guarded(request.open(kind), kind, request)
            except LimelightError as error:
                self._say(f"the engine of last time cannot be used: {error}; choosing anew")
            else:
                self._say(_line(engine, remembered[1], request.config, "measured before"))
                return engine
        kind, engine, seconds = self._fastest(request, list(usable))
        engine = self._guarded(engine, kind, request)
        self._memory.remember(key, kind.name, seconds)
        self._say(_line(engine, seconds, request.config, "measured now"))
        return engine

    def _fastest(self, request: _Request, kinds: Sequence[EngineKind]) -> tuple[EngineKind, Engine, float]:
        """Return the fastest kind, its engine, and the seconds of a look."""
        best: tuple[EngineKind, Engine, float] | None = None
        problems: list[LimelightError] = []
        for kind in kinds:
            try:
                engine = request.open(kind)
                seconds = self._measure(engine, request.model, request.config.seconds / len(kinds))
            except LimelightError as error:
                problems.append(error)
                continue
            if best is None or seconds < best[2]:
                best = kind, engine, seconds
        if best is None:
            raise problems[0]
        for problem in problems:
            self._say(f"{problem}; doing without")
        return best

    def _guarded(self, engine: Engine, kind: EngineKind, request: _Request) -> Engine:
        """Return the engine, with the other kinds to go on with should it fail in the middle of a performance."""
        others = [other for other in self._kinds if other is not kind]
        openers = (partial(request.open, other) for other in others if _describe(other))
        return FallbackEngine(engine, openers, self._say) if others else engine


def _describe(kind: EngineKind) -> str:
    """Return what `kind` would run on here; "" if it cannot."""
    try:
        return kind.describe()
    except LimelightError as error:
        _log.info("%s: %s", kind.title, error)
        return ""


def _key(request: _Request, usable: Mapping[EngineKind, str]) -> str:
    """Return a digest of all that a choice depends on: machine, engines, content of the networks, and threads."""
    content = {
        "machine": [platform.node(), platform.machine(), platform.processor(), os.cpu_count()],
        "engines": [[description, _sha256(request.file(kind))] for kind, description in usable.items()],
        "threads": request.config.threads,
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Return that of a file's content; "" of one that cannot be read, which opening it will say better."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _line(engine: Engine, seconds: float, config: ChoiceConfig, when: str) -> str:
    enough = "keeps up with" if seconds <= config.budget else "is too slow for every one of"
    return f"engine: {engine.name}, {1000.0 * seconds:.1f} ms a look, {enough} {config.rate:g} frames a second ({when})"
