"""Shows the live stream on a mesh, head and eyes."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from .driven import Keys, quaternion
from .motion import Motion, blender_quaternions, blender_vectors
from .stream import read_message
from .websocket import Receiver

INTERVAL = 1.0 / 60.0
"""Seconds between looks at what has come."""


class Live:
    """Receives in a thread; `step`, which Blender's timer calls, shows the newest face, and nothing older.

    What is moved, and how much, is looked up in the scene's settings each time: undo, another scene or a removed object
    leave nothing behind that points into freed memory, and the settings work at once.

    Attributes:
        shown: how many faces were shown.
    """

    def __init__(self, address: str) -> None:
        """
        Args:
            address: of Limelight's stream, `ws://...`.
        """
        self.shown = 0
        self._receiver = Receiver(address)
        self._problem = ""
        self._origin: np.ndarray | None = None
        self._timer = self.step  # one object: Blender knows its timers by it

    @property
    def is_started(self) -> bool:
        """Whether Blender calls `step`."""
        return bpy.app.timers.is_registered(self._timer)

    @property
    def state(self) -> str:
        """One line for the user."""
        return self._problem or self._receiver.state

    def start(self) -> None:
        """Let Blender call `step`."""
        bpy.app.timers.register(self._timer)

    def stop(self) -> None:
        """Receive no more."""
        if self.is_started:
            bpy.app.timers.unregister(self._timer)
        self._receiver.stop()

    def step(self) -> float:
        """Show the newest face; returns seconds until the next look.

        Whatever fails is the state: Blender drops a timer that raises, and the scene may change at any time.
        """
        try:
            text = self._receiver.newest()
            motion = None if text is None else read_message(text)
            if motion is not None:
                self._show(bpy.context.scene.limelight, motion)
                self._problem = ""
                self.shown += 1
        except Exception as error:
            self._problem = str(error) or type(error).__name__
        return INTERVAL

    def _show(self, settings: bpy.types.PropertyGroup, motion: Motion) -> None:
        if not settings.gains:
            settings.list_gains(motion.names)
        if settings.mesh is not None:
            Keys(settings.mesh, motion.names, settings.gain_of()).set(motion.weights[0])
        move = None
        if settings.moves:
            self._origin = motion.head_position[0] if self._origin is None else self._origin
            move = Vector(blender_vectors(motion.head_position[0] - self._origin))
        eyes = [quaternion(eye) for eye in blender_quaternions(motion.eye_rotations[0])]
        settings.puppet().set(quaternion(blender_quaternions(motion.head_rotation[0])), eyes, move)
