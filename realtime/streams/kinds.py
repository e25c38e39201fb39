"""The streams that there are; a new one is a file of this package and an entry here."""

from __future__ import annotations

from importlib import import_module

from realtime.sinks.address import Address
from realtime.sinks.contract import Sink
from realtime.sinks.kind import SinkKind
from realtime.sinks.worker import WorkerConfig
from realtime.streams.face_stream import StreamOptions


def _kind(
    scheme: str,
    title: str,
    examples: tuple[tuple[str, str], ...],
    name: str,
    stream: str,
    options: tuple[str, ...] = (),
) -> SinkKind:
    """Return the kind of a protocol's streams.

    Args:
        scheme: of its addresses.
        title: what it does, for people, in one line.
        examples: (address, what it is for).
        name: of its streams, for people, before host and port.
        stream: MODULE.MAKER of `realtime.streams`: takes a sink's name and its `StreamOptions` and makes the stream;
            imported when one is opened. The module's `PORT` is the one that the protocol is known by.
        options: that its addresses may have beside those that all streams have.
    """

    def opens(address: Address) -> Sink:
        module, _, maker = stream.partition(".")
        found = import_module(f"realtime.streams.{module}")
        asked = StreamOptions.of(address, found.PORT)
        sink: Sink = getattr(found, maker)(f"{name} {asked.place}", asked)
        return sink

    common = ("rate=HZ", "mirror=yes|no", "name=TEXT")
    return SinkKind(scheme, title, examples, opens, WorkerConfig(), scheme, options=common + options)


STREAMS = (
    _kind(
        "vmc",
        "sends face, head and eyes to avatars: VSeeFace, Warudo, VMagicMirror, Unity, Blender",
        (
            ("vmc://", "to this machine's port 39539"),
            ("vmc://192.168.1.5:39539?presets=none", "an avatar with perfect sync, on another machine"),
        ),
        "VMC",
        "vmc.VmcStream",
        ("names=pascal|camel|both|none", "presets=vrm0|vrm1|both|none", "emotions=yes|no"),
    ),
    _kind(
        "livelink",
        "sends what the app Live Link Face sends: Unreal Engine, VRCFaceTracking, Blender, Godot",
        (
            ("livelink://", "to this machine's port 11111"),
            ("livelink://192.168.1.5?name=Anna&mirror=yes", "to Unreal on another machine, as a mirror"),
        ),
        "Live Link",
        "livelink.LiveLinkStream",
        ("device=TEXT",),
    ),
    _kind(
        "opentrack",
        "sends the head to opentrack, for games and simulators",
        (("opentrack://", "to this machine's port 4242, input 'UDP over network'"),),
        "opentrack",
        "opentrack.OpentrackStream",
    ),
    _kind(
        "openseeface",
        "sends what OpenSeeFace sends, of all faces: VTube Studio, VSeeFace, VNyan, Godot",
        (("openseeface://", "to this machine's port 11573"),),
        "OpenSeeFace",
        "openseeface.OpenSeeFaceStream",
    ),
    _kind(
        "vrchat",
        "sends Unified Expressions and eye tracking to VRChat",
        (
            ("vrchat://", "to VRChat on this machine, port 9000"),
            ("vrchat://192.168.1.5?prefix=FT&native=no", "/avatar/parameters/FT/v2/..., without /tracking/eye"),
        ),
        "VRChat",
        "vrchat.VrchatStream",
        ("prefix=TEXT", "native=yes|no"),
    ),
    _kind(
        "osc",
        "sends every channel of every face under an OSC address of its own: stage programs",
        (
            ("osc://", "/limelight/1/jawOpen and so on, to this machine's port 9010"),
            ("osc://192.168.1.5:7000?prefix=/cast&number=id", "/cast/ID/jawOpen"),
        ),
        "OSC",
        "osc.OscStream",
        ("prefix=TEXT", "number=place|id"),
    ),
    _kind(
        "ws",
        "tells everything of every face, as JSON, to programs and web pages that connect",
        (
            ("ws://", "listens at this machine's port 8770, for this machine alone"),
            ("ws://0.0.0.0:8770", "for others too, by a token that is shown"),
        ),
        "ws",
        "ws.WebSocketStream",
    ),
    _kind(
        "vts",
        "drives VTube Studio as one of its plugins",
        (
            ("vts://", "on this machine, port 8001; VTube Studio asks once whether it may"),
            ("vts://?parameters=own&mirror=yes", "only the 64 parameters that Limelight adds, as a mirror"),
        ),
        "VTube Studio",
        "vts.VtsStream",
        ("parameters=all|defaults|own",),
    ),
    _kind(
        "vts-ios",
        "answers as VTube Studio's iPhone app does: VSeeFace, VBridger, bridges to VTube Studio",
        (
            ("vts-ios://", "listens at this machine's port 21412, for this machine alone"),
            ("vts-ios://0.0.0.0?allow=192.168.1.7", "for another machine too"),
        ),
        "VTube Studio iOS",
        "vts_ios.VtsIosStream",
        ("allow=HOST,HOST|any",),
    ),
    _kind(
        "ifacialmocap",
        "sends what the app iFacialMocap sends: VSeeFace, VMagicMirror, VRCFaceTracking, Blender",
        (
            ("ifacialmocap://", "to this machine's port 49983, unasked"),
            ("ifacialmocap://0.0.0.0?allow=192.168.1.7", "answers another machine that asks, by UDP or TCP"),
        ),
        "iFacialMocap",
        "ifacialmocap.ifacialmocap_stream",
        ("version=1|2", "answer=yes|no", "allow=HOST,HOST|any", "udp=PORT", "tcp=PORT"),
    ),
)
"""In the order in which they are listed."""
