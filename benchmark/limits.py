"""What the live loop must hold on the machine that it is measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.figures import Record
from benchmark.peers import MEDIAPIPE, OPENSEEFACE

THREADS = 2
"""Of the limits that are not ratios."""

_SMALL = "640x480"


@dataclass(frozen=True)
class Limit:
    """One promise.

    Attributes:
        title: what is promised.
        value: finds it in a record; None if it was not measured.
        bound: the limit.
        unit: of both.
        at_least: whether the value must be at least `bound`; at most otherwise.
    """

    title: str
    value: Callable[[Record], float | None]
    bound: float
    unit: str = ""
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def _fps(kind: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        loop = record.loop.get(THREADS, {}).get(_SMALL, {}).get(kind)
        return loop.fps if loop else None

    return value


def _cpu(record: Record) -> float | None:
    live = record.live.get(THREADS, {}).get("plain")
    return live.cpu_percent if live else None


def _latency(kind: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        live = record.live.get(THREADS, {}).get(kind)
        return live.to_parameters_ms.p95 if live else None

    return value


def _ratio(network: str, peer: str) -> Callable[[Record], float | None]:
    return lambda record: record.ratios.get(f"{network}_vs_{peer}")


LIMITS = (
    Limit("student's step / MediaPipe's", _ratio("student", MEDIAPIPE), 0.4),
    Limit("student-int8's step / MediaPipe's", _ratio("student_int8", MEDIAPIPE), 0.4),
    Limit("student's step / OpenSeeFace's", _ratio("student", OPENSEEFACE), 1.0),
    Limit("student-int8's step / OpenSeeFace's", _ratio("student_int8", OPENSEEFACE), 1.0),
    Limit("whole loop, 640x480, not drawn", _fps("plain"), 60.0, "fps", at_least=True),
    Limit("whole loop, 640x480, drawn", _fps("drawn"), 25.0, "fps", at_least=True),
    Limit("processor time at 30 fps, not drawn", _cpu, 50.0, "% of a core"),
    Limit("capture to parameters, p95, not drawn", _latency("plain"), 30.0, "ms"),
    Limit("capture to parameters, p95, drawn", _latency("drawn"), 30.0, "ms"),
    Limit("start to first shaded frame", lambda r: r.startup.first_frame_s if r.startup else None, 4.0, "s"),
    Limit("growth of latency in the soak, p95", lambda r: r.soak.latency_growth_ms if r.soak else None, 2.0, "ms"),
    Limit("growth of memory in the soak", lambda r: r.soak.memory_growth_mb if r.soak else None, 20.0, "MB"),
)
"""In the order of the report; the ratios are the larger ones of all thread counts."""
