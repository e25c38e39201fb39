"""Puts a take onto a mesh, head and eyes as keys of the time line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Vector

from .driven import Keys, Part, Puppet, quaternion
from .motion import Motion, blender_quaternions, blender_vectors

_LINEAR = 1
"""Of `Keyframe.interpolation`."""


@dataclass(frozen=True)
class Timing:
    """When a take is shown.

    Attributes:
        start: frame of the scene, for the take's first.
        speed: 2 shows the take in half the time.
    """

    start: float = 1.0
    speed: float = 1.0

    def frames(self, time: np.ndarray, scene: bpy.types.Scene) -> np.ndarray:
        """Return the scene's frames (N,) of times (N,), seconds."""
        rate = scene.render.fps / scene.render.fps_base
        return self.start + time * rate / self.speed


@dataclass(frozen=True)
class Bake:
    """What a bake does.

    Attributes:
        mesh: with the shape keys; None bakes head and eyes alone.
        puppet: head and eyes.
        timing: when.
        gains: of some expressions by name; 1 for the others.
        moves: move the head from where it stands as it moves from its place in the take's first frame.
    """

    mesh: bpy.types.Object | None
    puppet: Puppet
    timing: Timing = field(default_factory=Timing)
    gains: Mapping[str, float] = field(default_factory=dict)
    moves: bool = True

    def run(self, motion: Motion, scene: bpy.types.Scene) -> list[str]:
        """Make the keys, in new actions; returns the expressions that the mesh has no shape key for."""
        frames = self.timing.frames(motion.time, scene)
        missing: list[str] = []
        if self.mesh is not None:
            keys = Keys(self.mesh, motion.names, self.gains)
            missing = keys.missing
            curves = _Curves(keys.shapes)
            for block, column, gain in keys.columns:
                path = f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value'
                curves.add(path, 0, frames, gain * motion.weights[:, column])
        self._bake_puppet(motion, frames)
        return missing

    def _bake_puppet(self, motion: Motion, frames: np.ndarray) -> None:
        heads = [quaternion(row) for row in blender_quaternions(motion.head_rotation)]
        eyes = [[quaternion(eye) for eye in row] for row in blender_quaternions(motion.eye_rotations)]
        curves: dict[str, _Curves] = {}
        head = self.puppet.head
        if head is not None:
            self._add(curves, head, head.rotation, frames, [head.local(turn) for turn in heads])
            if self.moves:
                steps = blender_vectors(motion.head_position - motion.head_position[0])
                self._add(curves, head, head.location, frames, [head.local_move(Vector(step)) for step in steps])
        turns = [self.puppet.eye_turns(turn, pair) for turn, pair in zip(heads, eyes, strict=True)]
        for i, part in enumerate(self.puppet.eyes):
            if part is not None:
                self._add(curves, part, part.rotation, frames, [row[i] for row in turns])

    def _add(self, curves: dict[str, _Curves], part: Part, name: str, frames: np.ndarray, rows: list) -> None:
        """Key one property of a part; bones of an armature share its action."""
        if part.owner.name not in curves:
            curves[part.owner.name] = _Curves(part.owner)
        for index, values in enumerate(np.array([tuple(row) for row in rows]).T):
            curves[part.owner.name].add(part.path + name, index, frames, values)


class _Curves:
    """The curves of a new action of something animated."""

    def __init__(self, animated: bpy.types.ID) -> None:
        data = animated.animation_data or animated.animation_data_create()
        action = bpy.data.actions.new(f"Limelight {animated.name}")
        data.action = action
        if bpy.app.version < (4, 4, 0):
            self._curves = action.fcurves
            return
        slot = action.slots.new(animated.id_type, animated.name)
        data.action_slot = slot
        strip = action.layers.new("Limelight").strips.new(type="KEYFRAME")
        self._curves = strip.channelbag(slot, ensure=True).fcurves

    def add(self, path: str, index: int, frames: np.ndarray, values: np.ndarray) -> None:
        """Key a property at frames (N,) with values (N,)."""
        curve = self._curves.new(path, index=index)
        points = curve.keyframe_points
        points.add(len(frames))
        points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
        points.foreach_set("interpolation", np.full(len(frames), _LINEAR, np.int32))
        curve.update()
