"""Which sinks there are, and how one is opened by its address."""

from __future__ import annotations

from importlib import import_module

from facemodel import LimelightError
from realtime.sinks.address import Address
from realtime.sinks.contract import Policy, Sink
from realtime.sinks.kind import SinkKind
from realtime.sinks.worker import Worker, WorkerConfig
from realtime.streams.kinds import STREAMS
from realtime.takes.slate import Slate


def _open_take(address: Address) -> Sink:
    from realtime.sinks.recorder import Recorder

    options = address.options
    slate = Slate.from_options(options)
    return Recorder(address.path, "pictures" in options, slate, options.get("sound"))


def _open_video(address: Address) -> Sink:
    from realtime.outputs.picture_options import PictureOptions  # draws, so it needs OpenGL
    from realtime.outputs.video_file import VideoFile

    options = PictureOptions.of(address)
    return VideoFile(address.path, options.drawing, options.size_for, address.options.get("sound"))


def _picture_stream(
    scheme: str, name: str, title: str, examples: tuple[tuple[str, str], ...], opener: str, *options: str
) -> SinkKind:
    """Return a kind that hands pictures to other programs; `opener` is MODULE.FUNCTION of `realtime.outputs`, and
    `options` are those that not all pictures have."""

    def opens(address: Address) -> Sink:
        module, _, function = opener.partition(".")
        sink: Sink = getattr(import_module(f"realtime.outputs.{module}"), function)(address)
        return sink

    return SinkKind(name, title, examples, opens, WorkerConfig(), scheme, options=(*_PICTURE_OPTIONS, *options))


def _open_display(address: Address) -> Sink:
    from realtime.outputs.display import DisplayOutput

    return DisplayOutput(address)


def _open_view(address: Address) -> Sink:
    from realtime.web.view import open_view

    return open_view(address)


_PICTURE_OPTIONS = ("view=overlay|relit|camera|...", "mirror=yes|no", "size=WxH")
_ALPHA = "alpha=face|person"
_SOUND = "sound=DEVICE"

VIDEO_WORKER = WorkerConfig(Policy.NEWEST, offline=Policy.IN_STEP, room=8, per_feed=True)
"""A live performance does not wait for the encoder; a file does."""

KINDS = (
    SinkKind(
        "take",
        "records every parameter of every face into a take",
        (
            ("session.mcap", "a take to replay, to export and to draw again"),
            ("session.mcap?pictures&sound", "the same with the source's pictures and sound, or a microphone's, in it"),
            ("session.mcap?scene=A1&take=3", "the same with a slate"),
        ),
        _open_take,
        WorkerConfig(Policy.EVERY, offline=Policy.IN_STEP, room=6, per_feed=True),
        suffix=".mcap",
        options=("pictures", _SOUND, "scene=TEXT", "take=N", "notes=TEXT"),
    ),
    SinkKind(
        "video",
        "films the overlay, or another view, with the source's sound",
        (
            ("overlay.mp4", "H.264; it can be read even if the program is killed"),
            ("show.mp4?view=relit&size=1280x720", "the picture in the light of the show"),
            ("show.mp4?view=relit&sound", "a camera's, with the sound of a microphone"),
        ),
        _open_video,
        VIDEO_WORKER,
        suffix=".mp4",
        options=(*_PICTURE_OPTIONS, _SOUND),
    ),
    SinkKind(
        "video with alpha",
        "films the face or the person alone, in ProRes 4444, with the source's sound",
        (
            ("cut.mov?view=relit&alpha=person", "the person in the light of the show, to set before something else"),
            ("avatar.mov?view=geometry&alpha=face", "the head of a view without the camera's picture"),
        ),
        _open_video,
        VIDEO_WORKER,
        suffix=".mov",
        options=(*_PICTURE_OPTIONS, _ALPHA, _SOUND),
    ),
    _picture_stream(
        "vcam",
        "virtual camera",
        "is a camera to other programs: Zoom, OBS, a browser",
        (
            ("vcam://", "the first virtual camera that is free"),
            ("vcam:///dev/video10?view=relit", "a certain one, with the picture in the light of the show"),
        ),
        "virtual_camera.open_virtual_camera",
    ),
    _picture_stream(
        "ndi",
        "NDI",
        "sends video over the network to OBS, vMix, Resolume, TouchDesigner",
        (
            ("ndi://Stage?view=relit&size=1920x1080", "a source named Stage"),
            ("ndi://Stage?view=relit&alpha=person", "the person alone, with alpha"),
            ("ndi://Stage?view=relit&sound", "with the source's sound, or a microphone's, in step with the picture"),
        ),
        "ndi.open_ndi",
        _ALPHA,
        _SOUND,
        "sound-delay=MS",
    ),
    _picture_stream(
        "spout",
        "Spout",
        "shares pictures with other programs on Windows",
        (("spout://Stage?view=relit", "a sender named Stage"),),
        "texture_sharing.open_spout",
        _ALPHA,
    ),
    _picture_stream(
        "syphon",
        "Syphon",
        "shares pictures with other programs on macOS",
        (("syphon://Stage?view=relit", "a server named Stage"),),
        "texture_sharing.open_syphon",
        _ALPHA,
    ),
    SinkKind(
        "display",
        "shows the picture to the audience, full screen on a second display",
        (
            ("display://?view=relit", "the first display that is not the main one"),
            ("display://2?view=relit&on-failure=black", "a certain one, black when anything fails"),
            ("display://HDMI-1?state=test-card", "one by its name, with a test card"),
        ),
        _open_display,
        WorkerConfig(),
        scheme="display",
        options=(
            "view=overlay|relit|camera|...",
            "mirror=yes|no",
            "state=picture|black|freeze|test-card",
            "on-failure=black|hold",
        ),
    ),
    *STREAMS,
    SinkKind(
        "view",
        "serves a page that shows the face, for a tablet, a second monitor or OBS",
        (
            ("view://127.0.0.1:8780", "for browsers of this machine"),
            ("view://0.0.0.0:8780", "for those of the network, with a token in the page's address"),
        ),
        _open_view,
        WorkerConfig(),
        scheme="view",
    ),
)
"""In the order in which they are listed: files, pictures, streams, pages."""


def open_sink(text: str) -> Worker:
    """Return a worker with the sink of an address, not begun yet.

    Raises:
        LimelightError: no kind of sink has such addresses, or the address makes no sense to it.
    """
    address = Address.parse(text)
    for kind in KINDS:
        if kind.takes(address):
            if unknown := [option for option in address.options if option not in kind.option_names]:
                known = f"it knows {', '.join(kind.option_names)}" if kind.options else "it knows none"
                having = ", ".join(other.name for other in KINDS if unknown[0] in other.option_names)
                elsewhere = f" ({having} have)" if having else ""
                raise LimelightError(f"sink {text}: a {kind.name} has no option '{unknown[0]}'{elsewhere}; {known}")
            return Worker(kind.open(address), kind.worker, text)
    known = ", ".join(kind.examples[0][0] for kind in KINDS)
    raise LimelightError(f"sink {text}: no such kind of sink; addresses look like {known} (see 'limelight sinks')")
