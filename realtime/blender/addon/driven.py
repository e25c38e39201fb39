"""What a face moves in Blender: shape keys of a mesh, and objects or bones as head and eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import bpy
import numpy as np
from mathutils import Quaternion, Vector

from .names import match_names


class Keys:
    """Shape keys of a mesh that show expressions; K expressions.

    Attributes:
        shapes: the mesh's shape keys, whose animation moves them.
        missing: expressions that the mesh has no key for.
    """

    def __init__(self, mesh: bpy.types.Object, names: Sequence[str], gains: Mapping[str, float]) -> None:
        """
        Args:
            mesh: with shape keys.
            names: of the K expressions.
            gains: of some expressions by name; 1 for the others.

        Raises:
            ValueError: it has none; one line for the user.
        """
        self.shapes = getattr(mesh.data, "shape_keys", None)
        if self.shapes is None:
            raise ValueError(f"{mesh.name} has no shape keys")
        blocks = self.shapes.key_blocks
        found = match_names(tuple(names), tuple(block.name for block in blocks if block != self.shapes.reference_key))
        self.missing = [name for name in names if not found[name]]
        self.columns: list[tuple[bpy.types.ShapeKey, int, float]] = [
            (blocks[key], i, gains.get(name, 1.0)) for i, name in enumerate(names) for key in found[name]
        ]
        for block, _, gain in self.columns:
            if gain > block.slider_max:
                block.slider_max = min(gain, 10.0)
            if gain < block.slider_min:
                block.slider_min = max(gain, -10.0)

    def set(self, weights: Sequence[float]) -> None:
        """Show weights (K,)."""
        for block, column, gain in self.columns:
            block.value = gain * weights[column]


class Part:
    """The head or an eye: an object, or a bone of an armature.

    Turns and moves are in Blender's frame, from how the part is at rest. An object gets them as its delta transform and
    keeps its own; a bone as its pose.

    Attributes:
        owner: the object whose animation moves the part.
        name: for people.
        path: of the properties in it, up to a dot.
        rotation, location: names of those properties.
    """

    def __init__(self, owner: bpy.types.Object, bone: str = "") -> None:
        self.owner = owner
        self.name = f"{owner.name}, bone {bone}" if bone else owner.name
        self._bone = owner.pose.bones[bone] if bone else None
        moved = self._bone or owner
        if moved.rotation_mode != "QUATERNION":
            moved.rotation_mode = "QUATERNION"
        if self._bone is not None:
            self.path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
            self.rotation, self.location = "rotation_quaternion", "location"
            self._frame = owner.matrix_world.to_quaternion() @ self._bone.bone.matrix_local.to_quaternion()
            self._scale = owner.matrix_world.median_scale
        else:
            self.path, self.rotation, self.location = "", "delta_rotation_quaternion", "delta_location"
            self._frame = _rest(owner.parent, owner) if owner.parent else Quaternion()
            self._scale = owner.parent.matrix_world.median_scale if owner.parent else 1.0

    def local(self, turn: Quaternion) -> Quaternion:
        """Return a turn in Blender's frame as the part's property holds it."""
        return self._frame.inverted() @ turn @ self._frame

    def local_move(self, move: Vector) -> Vector:
        """Return a move, metres in Blender's frame, as the part's property holds it."""
        return self._frame.inverted() @ move / self._scale

    def follows(self, other: Part) -> bool:
        """Whether the part is turned already where `other` is."""
        if self._bone is not None and other._bone is not None and self.owner == other.owner:
            return other._bone in self._bone.parent_recursive
        parent = self.owner
        while parent is not None:
            if parent == other.owner and parent != self.owner:
                return True
            parent = parent.parent
        return False

    def is_same(self, other: Part) -> bool:
        """Whether both are one object or one bone."""
        return self.owner == other.owner and self.path == other.path

    def set(self, turn: Quaternion, move: Vector | None = None) -> None:
        """Show a turn, and a move, as the properties hold them."""
        moved = self._bone or self.owner
        setattr(moved, self.rotation, turn)
        if move is not None:
            setattr(moved, self.location, move)


class Puppet:
    """A head with its eyes, any of which may be missing."""

    def __init__(self, head: Part | None, eyes: Sequence[Part | None]) -> None:
        """
        Args:
            head: moved by the head's pose.
            eyes: turned by the eyes' rotations, the subject's left one first.

        Raises:
            ValueError: two of them are the same; one line for the user.
        """
        self.head, self.eyes = head, eyes
        parts = [part for part in (head, *eyes) if part is not None]
        for part, other in combinations(parts, 2):
            if part.is_same(other):
                raise ValueError(f"{part.name} is chosen twice: head and eyes must be different objects or bones")

    def eye_turns(self, head: Quaternion, eyes: Sequence[Quaternion]) -> list[Quaternion | None]:
        """Return each eye's turn as its property holds it.

        Args:
            head: the head's turn in Blender's frame.
            eyes: those of the eyes in the head's frame, with Blender's axes.
        """
        turns: list[Quaternion | None] = []
        for part, eye in zip(self.eyes, eyes, strict=True):
            if part is None:
                turns.append(None)
            elif self.head is not None and part.follows(self.head):
                turns.append(part.local(eye))
            else:
                turns.append(part.local(head @ eye))
        return turns

    def set(self, head: Quaternion, eyes: Sequence[Quaternion], move: Vector | None) -> None:
        """Show a pose: turns as for `eye_turns`, and the head's move in Blender's frame."""
        if self.head is not None:
            self.head.set(self.head.local(head), None if move is None else self.head.local_move(move))
        for part, turn in zip(self.eyes, self.eye_turns(head, eyes), strict=True):
            if part is not None:
                part.set(turn)


def quaternion(values: np.ndarray) -> Quaternion:
    """Return Blender's quaternion of (4,) w, x, y, z."""
    return Quaternion(values.tolist())


def _rest(parent: bpy.types.Object, child: bpy.types.Object) -> Quaternion:
    """The turn of a child's frame by its parents, as they are without delta transforms."""
    above = _rest(parent.parent, parent) if parent.parent else Quaternion()
    own = parent.rotation_quaternion if parent.rotation_mode == "QUATERNION" else _own(parent)
    return above @ own @ child.matrix_parent_inverse.to_quaternion()


def _own(thing: bpy.types.Object) -> Quaternion:
    if thing.rotation_mode == "AXIS_ANGLE":
        angle, *axis = thing.rotation_axis_angle
        return Quaternion(axis, angle)
    return thing.rotation_euler.to_quaternion()
