"""Unified Expressions, the standard of VRChat's face tracking, from our channels.

Names, meanings and sums are those of VRCFaceTracking (`UnifiedExpressionsParameters.cs`, Apache-2.0); what each of
ARKit's weights becomes is as in its module for Live Link Face. What ARKit does not know is left out.
"""

from __future__ import annotations

import math

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from realtime.streams.conventions import eyes_yaw_pitch, head_yaw_pitch_roll

_SIDES = ("Left", "Right")


def unified_expressions(channels: Channels) -> dict[str, float]:
    """Return the parameters by name, such as "JawOpen"; always the same ones in the same order.

    Shapes are 0..1; those that end in X, Y or Z and the sums of opposites -1..1, > 0 to the subject's right, up or
    forward. Gaze is the tangent of the angle, so that 1 is 45 degrees. The head is in radians: yaw > 0 to the right,
    pitch > 0 down, roll > 0 to the left.
    """
    w = dict(zip(ARKIT_NAMES, channels.weights.tolist(), strict=True))
    u: dict[str, float] = {}
    for side in _SIDES:
        u |= _of_side(side, w)
    u |= {
        "JawOpen": w["jawOpen"],
        "JawLeft": w["jawLeft"],
        "JawRight": w["jawRight"],
        "JawForward": w["jawForward"],
        "MouthClosed": w["mouthClose"],
        "MouthRaiserUpper": w["mouthShrugUpper"],
        "MouthRaiserLower": w["mouthShrugLower"],
        "TongueOut": w["tongueOut"],
    }
    u |= _of_both_sides(u)
    u |= _gaze(channels)
    yaw, pitch, roll = map(math.radians, head_yaw_pitch_roll(channels))
    return u | {"Head/Yaw": -yaw, "Head/Pitch": -pitch, "Head/Roll": roll}


def openness(weights: dict[str, float], side: str) -> float:
    """Return how open an eye is, 0..1; ARKit's squint shuts a half-shut eye further."""
    blink = weights[f"eyeBlink{side}"]
    return 1.0 - min(blink + blink * weights[f"eyeSquint{side}"], 1.0)


def _of_side(side: str, w: dict[str, float]) -> dict[str, float]:
    """What belongs to one side of the face."""
    opened, wide = openness(w, side), w[f"eyeWide{side}"]
    inner, outer, down = w["browInnerUp"], w[f"browOuterUp{side}"], w[f"browDown{side}"]
    smile, frown, stretch = (w[f"mouth{shape}{side}"] for shape in ("Smile", "Frown", "Stretch"))
    upper_up = w[f"mouthUpperUp{side}"]
    suck_upper = min(1.0 - upper_up ** (1.0 / 6.0), w["mouthRollUpper"])
    suck_lower, funnel, pucker, puff = w["mouthRollLower"], w["mouthFunnel"], w["mouthPucker"], w["cheekPuff"]
    named = {
        "EyeOpen": opened,
        "EyeClosed": 1.0 - opened,
        "EyeLid": 0.75 * opened + 0.25 * wide,
        "EyeWide": wide,
        "EyeSquint": w[f"eyeSquint{side}"],
        "BrowPinch": down,
        "BrowLowerer": down,
        "BrowInnerUp": inner,
        "BrowOuterUp": outer,
        "BrowUp": 0.6 * outer + 0.4 * inner,
        "BrowDown": down,
        "BrowExpression": 0.5 * inner + 0.5 * outer - down,
        "NoseSneer": w[f"noseSneer{side}"],
        "CheekSquint": w[f"cheekSquint{side}"],
        "CheekPuff": puff,
        "CheekPuffSuck": puff,
        "LipSuckUpper": suck_upper,
        "LipSuckLower": suck_lower,
        "LipFunnelUpper": funnel,
        "LipFunnelLower": funnel,
        "LipSuckFunnelUpper": suck_upper - funnel,
        "LipSuckFunnelLower": suck_lower - funnel,
        "LipPuckerUpper": pucker,
        "LipPuckerLower": pucker,
        "LipPucker": pucker,
        "MouthUpperUp": upper_up,
        "MouthUpperDeepen": upper_up,
        "MouthLowerDown": w[f"mouthLowerDown{side}"],
        "MouthUpper": w[f"mouth{side}"],
        "MouthLower": w[f"mouth{side}"],
        "MouthCornerPull": smile,
        "MouthCornerSlant": smile,
        "MouthSmile": smile,
        "MouthFrown": frown,
        "MouthStretch": stretch,
        "MouthSad": max(frown, stretch),
        "MouthDimple": w[f"mouthDimple{side}"],
        "MouthPress": w[f"mouthPress{side}"],
        "MouthCornerY": smile - frown,
        "MouthTightenerStretch": -stretch,
        "SmileFrown": smile - frown,
        "SmileSad": smile - max(frown, stretch),
    }
    return {f"{name}{side}": value for name, value in named.items()}


_MEANS = (
    *("EyeOpen", "EyeClosed", "EyeLid", "BrowUp", "BrowDown", "BrowInnerUp", "BrowOuterUp", "BrowExpression"),
    *("NoseSneer", "CheekSquint", "CheekPuffSuck", "LipSuckUpper", "LipSuckLower", "LipFunnelUpper", "LipFunnelLower"),
    *("LipSuckFunnelUpper", "LipSuckFunnelLower", "LipPuckerUpper", "LipPuckerLower", "MouthUpperUp"),
    *("MouthLowerDown", "MouthStretch", "MouthPress", "MouthDimple", "MouthCornerY", "MouthTightenerStretch"),
    *("SmileFrown", "SmileSad"),
)
"""Of which there is one of both sides beside each side's own: their mean."""


def _of_both_sides(u: dict[str, float]) -> dict[str, float]:
    """What sums up both sides, from what belongs to each."""
    both = {name: 0.5 * (u[f"{name}Left"] + u[f"{name}Right"]) for name in _MEANS}
    both |= {
        "EyeWide": max(u["EyeWideLeft"], u["EyeWideRight"]),
        "EyeSquint": max(u["EyeSquintLeft"], u["EyeSquintRight"]),
        "EyesSquint": max(u["EyeSquintLeft"], u["EyeSquintRight"]),
        "JawX": u["JawRight"] - u["JawLeft"],
        "JawZ": u["JawForward"],
        "MouthUpperX": u["MouthUpperRight"] - u["MouthUpperLeft"],
        "MouthLowerX": u["MouthLowerRight"] - u["MouthLowerLeft"],
        "LipSuck": 0.5 * (both["LipSuckUpper"] + both["LipSuckLower"]),
        "LipFunnel": 0.5 * (both["LipFunnelUpper"] + both["LipFunnelLower"]),
        "LipPucker": 0.5 * (both["LipPuckerUpper"] + both["LipPuckerLower"]),
        "MouthOpen": 0.5 * (both["MouthUpperUp"] + both["MouthLowerDown"]),
    }
    return both | {"MouthX": 0.5 * (both["MouthUpperX"] + both["MouthLowerX"])}


def _gaze(channels: Channels) -> dict[str, float]:
    """Where the eyes look."""
    left_yaw, left_pitch, right_yaw, right_pitch = eyes_yaw_pitch(channels)
    left_x, left_y, right_x, right_y = map(_tangent, (-left_yaw, left_pitch, -right_yaw, right_pitch))
    return {
        "EyeX": 0.5 * (left_x + right_x),
        "EyeY": 0.5 * (left_y + right_y),
        "EyeLeftX": left_x,
        "EyeLeftY": left_y,
        "EyeRightX": right_x,
        "EyeRightY": right_y,
    }


def _tangent(degrees: float) -> float:
    """The tangent, -1..1."""
    return math.tan(math.radians(min(max(degrees, -45.0), 45.0)))
