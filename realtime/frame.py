"""What flows through the live loop: frames in, tracked frames out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop


@dataclass(slots=True)
class Frame:
    """One picture from a source.

    Attributes:
        index: counts from 0 in its source; a gap means dropped frames.
        timestamp: seconds; capture time on the `time.perf_counter` clock for a live source, position in the
            stream for a file.
        image: (H, W, 3) uint8 BGR. Read only: sources may hand the same memory to several readers.
        truth: (P,) true parameters in frame pixels, from the synthetic performer only.
    """

    index: int
    timestamp: float
    image: NDArray[np.uint8]
    truth: NDArray[np.float32] | None = None


class TrackingState(Enum):
    """Where the tracker stands after a frame."""

    SEARCHING = "searching"  # no face known yet
    TRACKING = "tracking"  # parameters come from this frame
    HELD = "held"  # just lost: the last pose is held for a moment
    NEUTRAL = "neutral"  # lost for longer: the face eases to neutral while the search goes on


@dataclass(slots=True)
class TrackedFrame:
    """A frame and what the loop made of it; all parameters in frame pixels.

    Attributes:
        frame: the frame that the parameters were computed from.
        state: tracking state after this frame.
        raw: (P,) the network's parameters, lifted to the frame; None unless state is TRACKING.
        smoothed: (P,) parameters to draw and to send; None while SEARCHING.
        centred: (P,) `smoothed` after re-centring, for a head that is shown alone or streamed; None while no
            centre is set.
        crop: the crop that the network saw; None unless state is TRACKING.
        confidence: 0..1, the network's own belief that the crop holds a face.
        timings: milliseconds per stage of this frame.
        captured: when the picture was taken, on the `time.perf_counter` clock, or when it was due in a file that
            plays at its own pace; None for a picture that waited for its turn.
    """

    frame: Frame
    state: TrackingState
    raw: NDArray[np.float32] | None = None
    smoothed: NDArray[np.float32] | None = None
    centred: NDArray[np.float32] | None = None
    crop: Crop | None = None
    confidence: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    captured: float | None = None
