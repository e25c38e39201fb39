"""What flows: frames in, results out, and what a sink must know of them beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel
from realtime.frame_rate import Timecode
from realtime.light.lighting import Lighting
from realtime.persons.calibration import Calibration


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    Attributes:
        index: counts from 0 in its source; a gap means dropped frames.
        timestamp: seconds; capture time on the `time.perf_counter` clock for a live source, position in the
            stream for a file.
        image: (H, W, 3) uint8 BGR. Read only: sources may hand the same memory to several readers.
        truth: (P,) true parameters in frame pixels, from the synthetic performer only.
        shift: seconds by which `timestamp` lies after the place in the file, once the file was set back: time rises.
    """

    index: int
    timestamp: float
    image: NDArray[np.uint8]
    truth: NDArray[np.float32] | None = None
    shift: float = 0.0

    def without_picture(self) -> Frame:
        """Return the frame with a black picture of the same size that takes no memory."""
        return replace(self, image=np.broadcast_to(_BLACK, self.image.shape))


_BLACK = np.zeros(3, np.uint8)


class TrackingState(Enum):
    """Where the tracker stands after a frame."""

    SEARCHING = "searching"  # no face known yet
    TRACKING = "tracking"  # parameters come from this frame
    HELD = "held"  # just lost: the last pose is held for a moment
    NEUTRAL = "neutral"  # lost for longer: the face eases to neutral while the search goes on


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Who a face belongs to, as far as is known by now.

    Attributes:
        key: tells persons of one session apart; a person who is forgotten never has it again.
        identity: (n_identity,) coefficients.
        albedo: (n_albedo,) coefficients.
        settled: whether enough frames agreed; identity and albedo then stay as they are.
        name: of somebody who is known already; "" otherwise.
        calibration: how the person's expressions are read, between a face's `raw` and `smoothed`.
    """

    key: int
    identity: NDArray[np.float32]
    albedo: NDArray[np.float32]
    settled: bool = False
    name: str = ""
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face that is followed, as of one result; all parameters in frame pixels, all arrays read only.

    Attributes:
        id: of this face in its session, from 1 on; a face that is gone for good never gives its number to another.
        state: TRACKING, HELD or NEUTRAL.
        smoothed: (P,) parameters to draw and to send.
        person: whose face it is.
        raw: (P,) the network's parameters, lifted to the frame; None unless state is TRACKING.
        centred: (P,) `smoothed` after re-centring, for a head that is shown alone or streamed; None while no
            centre is set.
        crop: the crop that the network saw; None unless state is TRACKING.
        confidence: 0..1, the network's own belief that the crop holds a face.
    """

    id: int
    state: TrackingState
    smoothed: NDArray[np.float32]
    person: Person
    raw: NDArray[np.float32] | None = None
    centred: NDArray[np.float32] | None = None
    crop: Crop | None = None
    confidence: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether the face is where the picture shows it: followed, or just lost."""
        return self.state in (TrackingState.TRACKING, TrackingState.HELD)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a feed says of one moment: complete when it is delivered, and never changed afterwards.

    Attributes:
        frame: the picture that the faces were seen in.
        time: seconds, on the frame's clock: the frame's own timestamp or, of a tick without a new frame, later.
        faces: the faces that are followed, the performer first; empty while nobody was found yet.
        timings: milliseconds per stage, of what was done before the delivery.
        captured: when the picture was taken, on the `time.perf_counter` clock, or when it was due in a file that
            plays at its own pace; None for a picture that waited for its turn.
        stalled: no new frame came when one was due: `frame` is the last one again.
        timecode: of this moment, where the feed knows one.
        label: what the feed calls this moment, such as the channel that a test pattern moves; "" without a name.
        lighting: what the show says at this moment, or of a take that plays, what it said then.
    """

    frame: Frame
    time: float
    faces: tuple[Face, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    captured: float | None = None
    stalled: bool = False
    timecode: Timecode | None = None
    label: str = ""
    lighting: Lighting = Lighting()

    @property
    def performer(self) -> Face | None:
        """The face that is shown and streamed where there is room for one; None while nobody was found yet."""
        return self.faces[0] if self.faces else None

    @property
    def state(self) -> TrackingState:
        """The performer's; SEARCHING while there is none."""
        return self.faces[0].state if self.faces else TrackingState.SEARCHING


@dataclass(frozen=True)
class Sound:
    """Sound that belongs to a feed's pictures.

    Attributes:
        path: of the file that holds it.
        start: seconds in that file at which the feed's time 0 is.
    """

    path: Path
    start: float = 0.0


@dataclass(frozen=True)
class StreamInfo:
    """What a sink must know of a feed before its first result.

    Attributes:
        name: of the feed, for people, such as "Logitech C920" or "clip.mp4".
        width, height: of its frames, px; a camera may change them later, and every frame tells its own.
        fps: nominal frames a second.
        live: results come in real time and do not wait for a late sink; a file that is worked through waits.
        model: the face model that the parameters drive.
        network: what computes the parameters, for people.
        sound: that belongs to the pictures; None without any.
        pictures: frames hold what a camera saw; False of a take without its video.
        cues: a show of cues plays over it, so that drawings are to be ready for any of its light.
    """

    name: str
    width: int
    height: int
    fps: float
    live: bool
    model: FaceModel
    network: str = ""
    sound: Sound | None = None
    pictures: bool = True
    cues: bool = False
