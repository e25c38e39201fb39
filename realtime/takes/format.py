"""What a take holds on disk: MCAP, one header message, then one message per frame.

A take can be read without Limelight. The header (topic `/limelight/header`) is JSON and names every number of
the parameter vector, its units and the face model. Frames (topic `/limelight/frames`) are CDR with their ROS
2 message definition in the file, which MCAP's own tools and Foxglove decode. An MCAP log time is wall-clock
nanoseconds.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel, LimelightError, ParameterLayout
from realtime.frame import TrackedFrame, TrackingState
from realtime.sources.base import Source

FORMAT_VERSION = 1
HEADER_TOPIC = "/limelight/header"
FRAME_TOPIC = "/limelight/frames"
FRAME_SCHEMA_NAME = "limelight_msgs/msg/TrackedFrame"

FRAME_SCHEMA = """\
# One frame of a take. Parameters are in the pixels of the full frame; the header names each of them.
uint8 SEARCHING=0  # no face known yet
uint8 TRACKING=1   # parameters come from this frame
uint8 HELD=2       # just lost: the last pose is held
uint8 NEUTRAL=3    # lost for longer: eases to neutral

uint64 index        # of the frame in its source; a gap means frames that the tracker missed
float64 timestamp   # seconds; monotonic clock for a camera, position in the stream for a file
float64[4] crop     # centre x, centre y, side (frame pixels), angle (radians, clockwise); NaN without a crop
uint8 state
float32 confidence  # 0..1
float32[] raw       # the network's parameters; empty unless TRACKING
float32[] smoothed  # parameters as shown and streamed; empty while SEARCHING
"""

HEADER_SCHEMA = {
    "title": "limelight.TakeHeader",
    "type": "object",
    "description": (
        "Parameter vector of every frame: `parameters` names each number, `slices` each group. "
        "Frame: +x image right, +y up, +z to the camera; pixels x right, y down, (0, 0) the outer corner of the "
        "top-left pixel; left and right in names are the subject's. A model point v (mm) lies at "
        "x = scale (R v)_x + translation_x, y = -scale (R v)_y + translation_y; rotation holds the first two "
        "columns of R. sh: real spherical harmonics to band 2, irradiance / pi, linear RGB. key_position: mm "
        "from the head centre. Colours are linear RGB."
    ),
    "properties": {
        "format_version": {"type": "integer"},
        "created": {"type": "string", "description": "ISO 8601, UTC"},
        "software": {"type": "string"},
        "network": {"type": "string"},
        "model_name": {"type": "string"},
        "model_digest": {"type": "string"},
        "source_name": {"type": "string"},
        "source_live": {"type": "boolean"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "fps": {"type": "number"},
        "n_identity": {"type": "integer"},
        "n_albedo": {"type": "integer"},
        "expression_names": {"type": "array", "items": {"type": "string"}},
        "expression_range": {"type": "array", "items": {"type": ["number", "null"]}},
        "parameters": {"type": "array", "items": {"type": "string"}},
        "slices": {"type": "object"},
    },
}

STATES = (TrackingState.SEARCHING, TrackingState.TRACKING, TrackingState.HELD, TrackingState.NEUTRAL)
"""A state's number in the file is its place here."""

_CDR_LITTLE_ENDIAN = b"\x00\x01\x00\x00"
_FIXED = struct.Struct("<Qd4dB3xf")
_COUNT = struct.Struct("<I")
_NO_CROP = (float("nan"),) * 4


def _software() -> str:
    try:
        return f"limelight {version('limelight')}"
    except PackageNotFoundError:
        return "limelight (from a checkout)"


@dataclass(frozen=True)
class TakeHeader:
    """What one must know to read a take alone.

    Attributes:
        layout: of every parameter vector in it.
        model_name, model_digest: of the face model that the parameters drive.
        source_name, width, height, fps, source_live: of the source.
        network: what computed the parameters, for people.
        created: ISO 8601, UTC.
        software: what wrote it.
    """

    layout: ParameterLayout
    model_name: str
    model_digest: str
    source_name: str
    width: int
    height: int
    fps: float
    source_live: bool = False
    network: str = ""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    software: str = field(default_factory=_software)

    @classmethod
    def describe(cls, source: Source, model: FaceModel, network: str = "") -> TakeHeader:
        """The header of a take that starts now."""
        return cls(
            layout=model.layout,
            model_name=model.name,
            model_digest=model.digest,
            source_name=source.name,
            width=int(source.width),
            height=int(source.height),
            fps=float(source.fps),
            source_live=bool(source.live),
            network=network,
        )

    def to_json(self) -> bytes:
        content = {key: value for key, value in asdict(self).items() if key != "layout"}
        content |= {"format_version": FORMAT_VERSION} | self.layout.to_dict()
        return json.dumps(content, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> TakeHeader:
        """Read what `to_json` wrote.

        Raises:
            LimelightError: another format version, or not a header.
        """
        try:
            content = json.loads(data)
            found = content["format_version"]
            if found != FORMAT_VERSION:
                raise LimelightError(f"format version {found} is not {FORMAT_VERSION}: it needs another Limelight")
            return cls(
                layout=ParameterLayout.from_dict(content),
                model_name=str(content["model_name"]),
                model_digest=str(content["model_digest"]),
                source_name=str(content["source_name"]),
                width=int(content["width"]),
                height=int(content["height"]),
                fps=float(content["fps"]),
                source_live=bool(content["source_live"]),
                network=str(content["network"]),
                created=str(content["created"]),
                software=str(content["software"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LimelightError(f"its header is malformed ({error!r})") from error

    def require_model(self, model: FaceModel) -> None:
        """Check that `model` is the one that the take was recorded with.

        Raises:
            LimelightError: it is another one.
        """
        if model.digest != self.model_digest:
            raise LimelightError(
                f"the take was recorded with face model '{self.model_name}' ({self.model_digest}), this is "
                f"'{model.name}' ({model.digest}); drawing it needs the former, export-take works without"
            )


@dataclass(frozen=True, slots=True)
class TakeFrame:
    """One frame of a take: `TrackedFrame` without its picture.

    Attributes:
        index, timestamp: of the frame in its source; seconds.
        state, confidence, crop: as in `TrackedFrame`.
        raw, smoothed: (P,) float32 or None, as in `TrackedFrame`.
    """

    index: int
    timestamp: float
    state: TrackingState
    confidence: float
    crop: Crop | None
    raw: NDArray[np.float32] | None
    smoothed: NDArray[np.float32] | None


def encode_frame(result: TrackedFrame) -> bytes:
    """CDR of one frame, by `FRAME_SCHEMA`."""
    crop = result.crop
    fixed = _FIXED.pack(
        result.frame.index,
        result.frame.timestamp,
        *(_NO_CROP if crop is None else (*crop.centre, crop.side, crop.angle)),
        STATES.index(result.state),
        result.confidence,
    )
    return b"".join((_CDR_LITTLE_ENDIAN, fixed, _encode_vector(result.raw), _encode_vector(result.smoothed)))


def decode_frame(data: bytes) -> TakeFrame:
    """The inverse of `encode_frame`.

    Raises:
        ValueError: `data` is not such a message.
    """
    try:
        if data[:4] != _CDR_LITTLE_ENDIAN:
            raise ValueError("not little-endian CDR")
        index, timestamp, x, y, side, angle, state, confidence = _FIXED.unpack_from(data, 4)
        raw, end = _decode_vector(data, 4 + _FIXED.size)
        smoothed, _ = _decode_vector(data, end)
        crop = None if np.isnan(side) else Crop((x, y), side, angle)
        return TakeFrame(index, timestamp, STATES[state], confidence, crop, raw, smoothed)
    except (struct.error, IndexError) as error:
        raise ValueError(f"malformed frame message ({error})") from error


def _encode_vector(vector: NDArray | None) -> bytes:
    if vector is None:
        return _COUNT.pack(0)
    return _COUNT.pack(vector.size) + np.asarray(vector, "<f4").tobytes()


def _decode_vector(data: bytes, start: int) -> tuple[NDArray[np.float32] | None, int]:
    (count,) = _COUNT.unpack_from(data, start)
    start += _COUNT.size
    if count == 0:
        return None, start
    return np.frombuffer(data, "<f4", count, start).astype(np.float32), start + 4 * count
