"""VRChat over OSC: its own eye tracking, and the parameters of avatars that follow Unified Expressions (v2)."""

from __future__ import annotations

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from realtime.streams.conventions import eyes_yaw_pitch
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.osc_bundles import OscBundles, OscMessage, osc_prefix
from realtime.streams.udp import DatagramStream
from realtime.streams.unified_expressions import openness, unified_expressions

PORT = 9000

_ACTIVE = ("EyeTrackingActive", "ExpressionTrackingActive", "LipTrackingActive")


class VrchatStream(DatagramStream):
    """Sends /tracking/eye and /avatar/parameters/v2/..., as VRCFaceTracking does.

    VRChat ignores parameters that an avatar does not have. Without a face the avatar is told that tracking is off, and
    after ten seconds VRChat moves the eyes by itself again.

    Options:
        prefix: that an avatar's parameters stand under, such as FT; none by default. Whether there is a face is said
            without it too.
        native: "no" leaves out /tracking/eye, for avatars whose own parameters move the eyes. "yes" by default.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        """
        Args:
            name: of the sink, for people.
            options: see `StreamOptions` and above.

        Raises:
            LimelightError: an option's value makes no sense.
        """
        super().__init__(name, options)
        start = f"/avatar/parameters{osc_prefix(options, '')}"
        self._native = options.choice("native", ("yes", "no"), "yes") == "yes"
        names = unified_expressions(Channels.empty())
        messages = [OscMessage(f"{start}/v2/{name}") for name in names]
        if self._native:
            messages[:0] = [
                OscMessage("/tracking/eye/LeftRightPitchYaw", "ffff"),
                OscMessage("/tracking/eye/EyesClosedAmount"),
            ]
        starts = dict.fromkeys(("/avatar/parameters", start))  # avatars have them without the prefix too
        self._active = OscBundles([OscMessage(f"{begin}/{name}", "T") for begin in starts for name in _ACTIVE])
        self._values = OscBundles(messages)

    def send(self, sight: Sight) -> None:
        """Send one frame."""
        there = sight.face is not None
        for bundle in self._active.fill([there] * self._active.count):
            self.emit(bundle)
        if there:
            native = _native_eyes(sight.channels) if self._native else ()
            for bundle in self._values.fill((*native, *unified_expressions(sight.channels).values())):
                self.emit(bundle)


def _native_eyes(channels: Channels) -> tuple[float, ...]:
    """Pitch (> 0 down) and yaw (> 0 to the right) of the left eye, then the right one, degrees; how shut both are."""
    left_yaw, left_pitch, right_yaw, right_pitch = eyes_yaw_pitch(channels)
    w = dict(zip(ARKIT_NAMES, channels.weights.tolist(), strict=True))
    shut = 1.0 - 0.5 * (openness(w, "Left") + openness(w, "Right"))
    return -left_pitch, -left_yaw, -right_pitch, -right_yaw, shut
