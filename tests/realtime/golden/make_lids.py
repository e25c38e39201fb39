"""Writes lids.csv: what the filter for lids must make of a lid that rests, blinks, winks, closes slowly and trembles.

Nothing here uses `realtime`: One Euro is written as its authors publish it, in smoothing factors and time constants,
and the lid's share on top of it from the formula of `realtime.tracking.smoothing.lids`. Run it as
`python tests/realtime/golden/make_lids.py`; the result is the same each time. Columns: seconds; how far the lid is
seen closed; the filtered lid at the default configuration.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

REST_CUTOFF, BETA, DERIVATIVE_CUTOFF = 1.5, 3.0, 1.0
NOISE, CLOSING, OPENING = 0.1, 0.2, 0.5


def seen_lid() -> tuple[list[float], list[float]]:
    """Times and lid of some 7 s of a camera of about 30 frames a second."""
    rng = np.random.default_rng(17)
    parts = [
        [0.05] * 30,  # at rest
        [0.55, 0.95, 0.4, 0.1],  # a blink of two frames
        [0.05] * 20,
        [0.5, 0.9, 0.3, 0.6, 0.95, 0.5, 0.1],  # two blinks in a row
        [0.05] * 20,
        [0.25, 0.45, 0.2],  # a slight wink
        [0.05] * 20,
        np.linspace(0.05, 0.8, 30).tolist(),  # closes slowly,
        [0.8] * 30,  # stays closed
        np.linspace(0.8, 0.05, 10).tolist(),  # and opens
        [0.05] * 30,
    ]
    clean = np.concatenate(parts)
    lid = np.clip(clean + rng.normal(0.0, 0.02, len(clean)), 0.0, 1.0)
    times = np.cumsum(1.0 / 30.0 + rng.uniform(-0.004, 0.004, len(clean)))
    return [round(t, 4) for t in times.tolist()], [round(x, 4) for x in lid.tolist()]


def smoothing_factor(cutoff: float, period: float) -> float:
    """Alpha of the exponential filter."""
    tau = 1.0 / (2.0 * math.pi * cutoff)
    return 1.0 / (1.0 + tau / period)


def filtered_lid(times: list[float], lid: list[float]) -> list[float]:
    """The lid after the filter."""
    output, speed = [lid[0]], 0.0
    for i in range(1, len(lid)):
        period = times[i] - times[i - 1]
        dx = (lid[i] - output[-1]) / period
        a = smoothing_factor(DERIVATIVE_CUTOFF, period)
        speed = a * dx + (1.0 - a) * speed
        alpha = smoothing_factor(REST_CUTOFF + BETA * abs(speed), period)
        one_euro = alpha * lid[i] + (1.0 - alpha) * output[-1]
        distance = abs(lid[i] - output[-1])
        clear = CLOSING if lid[i] > output[-1] else OPENING
        through = 0.0 if distance <= NOISE else 1.0 if distance >= clear else (distance - NOISE) / (clear - NOISE)
        output.append(through * lid[i] + (1.0 - through) * one_euro)
    return output


if __name__ == "__main__":
    times, lid = seen_lid()
    with (Path(__file__).parent / "lids.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["time", "seen", "filtered"])
        for row in zip(times, lid, filtered_lid(times, lid), strict=True):
            writer.writerow([f"{row[0]:.4f}", f"{row[1]:.4f}", f"{row[2]:.8f}"])
