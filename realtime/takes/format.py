"""What a take holds on disk: MCAP, one header message, then one message per frame and per event.

A take can be read without Limelight. The header (topic `/limelight/header`), stall marks (`/limelight/stalls`), markers
(`/limelight/markers`), timecode (`/limelight/timecode`) and the show's light (`/limelight/show`) are JSON; the header
names every number of the parameter vector, its units and the face model.
Frames (`/limelight/frames`), the face model (`/limelight/model`), persons
(`/limelight/persons`), sound (`/limelight/sound`) and the reference video (`/limelight/video`) are CDR with their ROS 2
message definition in the file, which MCAP's own tools and Foxglove decode. An MCAP log time is wall-clock nanoseconds;
`time` is seconds on the clock of the feed.

Format version 1 had the header and one face a frame alone, and no face model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import Any

from facemodel import LimelightError, ParameterLayout
from realtime.frame import StreamInfo, TrackingState
from realtime.takes.slate import Slate

FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)

HEADER_TOPIC = "/limelight/header"
MODEL_TOPIC = "/limelight/model"
PERSON_TOPIC = "/limelight/persons"
FRAME_TOPIC = "/limelight/frames"
STALL_TOPIC = "/limelight/stalls"
MARKER_TOPIC = "/limelight/markers"
VIDEO_TOPIC = "/limelight/video"
TIMECODE_TOPIC = "/limelight/timecode"
SOUND_TOPIC = "/limelight/sound"
SHOW_TOPIC = "/limelight/show"

STATES = (TrackingState.SEARCHING, TrackingState.TRACKING, TrackingState.HELD, TrackingState.NEUTRAL)
"""A state's number in the file is its place here."""

_FRAME_SCHEMA = """\
# One frame of a take, with the faces that were followed, the performer first.
uint64 index       # of the frame in its source; a gap means frames that were missed
float64 time       # seconds, on the clock of the feed
float64 timestamp  # seconds, of the frame itself; monotonic clock for a camera, position in the stream for a file
uint32 width       # of the frame, pixels; may change in the middle of a take
uint32 height
limelight_msgs/Face[] faces
================================================================================
MSG: limelight_msgs/Face
# One face. Parameters are in the pixels of the full frame; the header names each of them.
uint8 TRACKING=1  # parameters come from this frame
uint8 HELD=2      # just lost: the last pose is held
uint8 NEUTRAL=3   # lost for longer: eases to neutral

uint32 id          # of this face in its session, from 1 on
uint32 person      # whose face it is: a key of /limelight/persons
uint8 state
float32 confidence # 0..1
float64[4] crop    # centre x, centre y, side (frame pixels), angle (radians, clockwise); NaN without a crop
float32[] raw      # the network's parameters; empty unless TRACKING
float32[] smoothed # parameters as shown and streamed
"""

_MODEL_SCHEMA = """\
# The face model of a take without identity and albedo modes: mesh, named targets, regions, landmarks, mean albedo.
string name
string digest  # of the model that the take was recorded with
uint8[] npz    # a face model file: a NumPy archive of named arrays
"""

_PERSON_SCHEMA = """\
# One person, as far as known at this time; the last message of a key counts.
uint32 key
bool settled        # identity and albedo stay from here on
float32[] identity  # coefficients of the model that the take was recorded with
float32[] albedo
uint8[] npz         # rig, a NumPy archive: vertices (V, 3) mm without expression, diffuse and specular (V, 3) linear
                    # RGB, eye_centres (2, 3) mm; targets and triangles are those of /limelight/model
string name         # of somebody who is known; empty otherwise
string calibration  # JSON: for each expression what the smoothed weights were read by, between raw and smoothed
"""

_VIDEO_SCHEMA = """\
# One frame of the reference video, in the form of foxglove_msgs/CompressedVideo. The MCAP sequence number is that of
# the frame in /limelight/frames which it shows.
builtin_interfaces/Time timestamp
string frame_id
uint8[] data   # Annex B, one access unit, in decoding order without B-frames
string format  # h264
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""

_SOUND_SCHEMA = """\
# A block of sound, in the form of foxglove_msgs/RawAudio; samples are interleaved and little-endian.
builtin_interfaces/Time timestamp  # of the first sample
uint8[] data
string format                      # pcm-s16
uint32 sample_rate                 # Hz
uint32 number_of_channels
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""

_NUMBER, _INTEGER, _STRING = {"type": "number"}, {"type": "integer"}, {"type": "string"}

_HEADER_SCHEMA = {
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
        "format_version": _INTEGER,
        "created": {"type": "string", "description": "ISO 8601, UTC"},
        "software": _STRING,
        "slate": {"type": "object", "properties": {"scene": _STRING, "take": _INTEGER, "notes": _STRING}},
        "network": _STRING,
        "model_name": _STRING,
        "model_digest": _STRING,
        "source_name": _STRING,
        "source_live": {"type": "boolean"},
        "width": _INTEGER,
        "height": _INTEGER,
        "fps": _NUMBER,
        "n_identity": _INTEGER,
        "n_albedo": _INTEGER,
        "expression_names": {"type": "array", "items": _STRING},
        "expression_range": {"type": "array", "items": {"type": ["number", "null"]}},
        "parameters": {"type": "array", "items": _STRING},
        "slices": {"type": "object"},
    },
}

_STALL_SCHEMA = {
    "title": "limelight.Stall",
    "type": "object",
    "description": "No frame came from `begin` to `end`. A second message with the same `begin` tells the end.",
    "properties": {"begin": _NUMBER, "end": {"type": ["number", "null"]}},
}

_MARKER_SCHEMA = {
    "title": "limelight.Marker",
    "type": "object",
    "description": "Something that was marked during the take.",
    "properties": {"time": _NUMBER, "text": _STRING},
}


_TIMECODE_SCHEMA = {
    "title": "limelight.Timecode",
    "type": "object",
    "description": "What timecode it was at `time`. It runs on evenly at its rate until the next message.",
    "properties": {
        "time": _NUMBER,
        "timecode": {"type": "string", "description": "HH:MM:SS:FF, or HH:MM:SS;FF of drop-frame"},
        "subframe": {"type": "number", "description": "the part of the frame that has passed, 0 to 1"},
        "rate": {"type": "string", "description": "23.976, 24, 25, 29.97, 29.97df, 30, 48, 50, 59.94, 59.94df or 60"},
    },
}


_SHOW_SCHEMA = {
    "title": "limelight.Show",
    "type": "object",
    "description": (
        "What changed in the show at `time`: values by name; the first message holds all of them. Grand master and "
        "blackout are in the intensities, and colour temperature in the colour."
    ),
    "properties": {
        "time": _NUMBER,
        "values": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [_NUMBER, _STRING, {"type": "boolean"}, {"type": "array", "items": _NUMBER}]
            },
        },
        "environment": {
            "type": ["object", "null"],
            "description": (
                "Only where it changed; null is the estimated SH light. sh: 9 x 3 irradiance / pi; key_position: mm "
                "from the head centre; key_color: linear RGB; all of them at rotation 0 and intensity 1."
            ),
        },
    },
}


@dataclass(frozen=True)
class Topic:
    """How the messages of one topic are written: name, and the schema by which anybody can read them."""

    name: str
    message_encoding: str
    schema_name: str
    schema_encoding: str
    schema: bytes


def _json_topic(name: str, schema: dict[str, Any]) -> Topic:
    return Topic(name, "json", schema["title"], "jsonschema", json.dumps(schema).encode())


def _cdr_topic(name: str, schema_name: str, schema: str) -> Topic:
    return Topic(name, "cdr", schema_name, "ros2msg", schema.encode())


TOPICS = {
    topic.name: topic
    for topic in (
        _json_topic(HEADER_TOPIC, _HEADER_SCHEMA),
        _cdr_topic(MODEL_TOPIC, "limelight_msgs/msg/FaceModel", _MODEL_SCHEMA),
        _cdr_topic(PERSON_TOPIC, "limelight_msgs/msg/Person", _PERSON_SCHEMA),
        _cdr_topic(FRAME_TOPIC, "limelight_msgs/msg/Frame", _FRAME_SCHEMA),
        _json_topic(STALL_TOPIC, _STALL_SCHEMA),
        _json_topic(MARKER_TOPIC, _MARKER_SCHEMA),
        _json_topic(TIMECODE_TOPIC, _TIMECODE_SCHEMA),
        _json_topic(SHOW_TOPIC, _SHOW_SCHEMA),
        _cdr_topic(SOUND_TOPIC, "foxglove_msgs/msg/RawAudio", _SOUND_SCHEMA),
        _cdr_topic(VIDEO_TOPIC, "foxglove_msgs/msg/CompressedVideo", _VIDEO_SCHEMA),
    )
}


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
        source_name, fps, source_live: of the feed; fps 0 where it did not know.
        width, height: of its first frame, px.
        network: what computed the parameters, for people.
        created: ISO 8601, UTC.
        software: what wrote it.
        slate: scene, take and notes.
        format_version: one of `READABLE_VERSIONS`.
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
    slate: Slate = Slate()
    format_version: int = FORMAT_VERSION

    @property
    def nominal_fps(self) -> float:
        """Frames a second to count with, always more than 0: `fps`, or 30 where the feed did not know (0)."""
        return self.fps if 0.0 < self.fps < inf else 30.0

    @classmethod
    def describe(cls, info: StreamInfo, slate: Slate | None = None) -> TakeHeader:
        """Return the header of a take of a feed that starts now."""
        return cls(
            layout=info.model.layout,
            model_name=info.model.name,
            model_digest=info.model.digest,
            source_name=info.name,
            width=int(info.width),
            height=int(info.height),
            fps=float(info.fps),
            source_live=bool(info.live),
            network=info.network,
            slate=slate or Slate(),
        )

    def to_json(self) -> bytes:
        """Return the header as it stands in a file."""
        content = vars(self) | self.layout.to_dict() | {"slate": self.slate.options}
        del content["layout"]
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
            if found not in READABLE_VERSIONS:
                raise LimelightError(
                    f"format version {found} is later than {FORMAT_VERSION}: it needs a newer Limelight"
                )
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
                slate=Slate.from_options(content.get("slate") or {}),
                format_version=int(found),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LimelightError(f"its header is malformed ({error!r})") from error
