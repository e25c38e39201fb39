"""The light rig: what the person at the controls does to the light, on top of what was estimated.

A rig never touches the tracked parameters: `LightRig.apply` edits a copy just before it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import ParameterLayout, Parameters
from facemodel.lighting import rotate_sh
from facemodel.parameters import MAX_SHININESS, MIN_SHININESS
from facemodel.rotation import matrix_from_euler
from realtime.light.environments import Environment

ESTIMATED = ""
"""Name of the environment that stands for the estimated SH light."""

MIN_KEY_DISTANCE, MAX_KEY_DISTANCE = 200.0, 2000.0
MAX_INTENSITY = 3.0


@dataclass(frozen=True)
class LightRig:
    """Settings of the light, immutable; change one with `dataclasses.replace`.

    Attributes:
        diffuse, specular: which light terms are drawn (`RenderOptions`); `apply` leaves them alone.
        override: take key light, shininess and environment from here; False follows the estimate.
        key_direction: unit vector from the head centre to the key light, camera-aligned (+x image right, +y up,
            +z to the camera).
        key_distance: mm from the head centre.
        key_color: hue of the key light, linear RGB, largest component 1.
        key_intensity: factor on `key_color`, 0..MAX_INTENSITY.
        shininess: Blinn-Phong exponent.
        environment: name of an environment, a panorama's path, or ESTIMATED.
        environment_rotation: degrees about the vertical axis; positive turns light from the front to image right.
        environment_intensity: factor on the SH light, 0..MAX_INTENSITY.
    """

    diffuse: bool = True
    specular: bool = True
    override: bool = False
    key_direction: tuple[float, float, float] = (-0.48, 0.48, 0.735)
    key_distance: float = 600.0
    key_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    key_intensity: float = 0.6
    shininess: float = 20.0
    environment: str = ESTIMATED
    environment_rotation: float = 0.0
    environment_intensity: float = 1.0

    @property
    def key_position(self) -> NDArray[np.float64]:
        """(3,) mm from the head centre."""
        direction = np.asarray(self.key_direction, dtype=float)
        return direction * (self.key_distance / max(float(np.linalg.norm(direction)), 1e-6))

    def apply(
        self,
        layout: ParameterLayout,
        vector: NDArray,
        out: NDArray,
        environments: Mapping[str, Environment],
    ) -> NDArray:
        """Write `vector` with this rig's light to `out`, and return it; `vector` stays as it is.

        Args:
            layout: of both vectors.
            vector: (P,) tracked parameters.
            out: (P,) to draw; not the same memory as `vector`.
            environments: by name; a name that is not there counts as ESTIMATED.
        """
        out[:] = vector
        p = layout.view(out)
        if self.override:
            p.key_position[:] = self.key_position
            p.key_color[:] = np.asarray(self.key_color) * self.key_intensity
            p.shininess = min(max(self.shininess, MIN_SHININESS), MAX_SHININESS)
            turn = matrix_from_euler(np.radians(self.environment_rotation), 0.0, 0.0)
            environment = environments.get(self.environment)
            sh = p.sh if environment is None else environment.sh
            p.sh[:] = rotate_sh(turn, sh) * self.environment_intensity
        return out

    def adopting(self, estimate: Parameters) -> LightRig:
        """This rig with key light and shininess as estimated, so that an override starts without a jump."""
        lit = self.with_key(estimate.key_position, estimate.key_color)
        return replace(lit, shininess=min(max(estimate.shininess, MIN_SHININESS), MAX_SHININESS))

    def with_key(self, position: ArrayLike, color: ArrayLike) -> LightRig:
        """This rig with another key light.

        Args:
            position: (3,) mm from the head centre.
            color: (3,) linear RGB.
        """
        position, color = np.asarray(position, dtype=float), np.asarray(color, dtype=float)
        distance, intensity = float(np.linalg.norm(position)), float(color.max())
        if distance < 1e-6:
            return self
        return replace(
            self,
            key_direction=_triple(position / distance),
            key_distance=min(max(distance, MIN_KEY_DISTANCE), MAX_KEY_DISTANCE),
            key_color=_triple(color / intensity) if intensity > 1e-3 else self.key_color,
            key_intensity=min(max(intensity, 0.0), MAX_INTENSITY),
        )

    def rotated(self, degrees: float) -> LightRig:
        """This rig with its environment at a rotation of `degrees`; the key light turns along with it."""
        turn = matrix_from_euler(np.radians(degrees - self.environment_rotation), 0.0, 0.0)
        return replace(self, environment_rotation=degrees, key_direction=_triple(turn @ np.asarray(self.key_direction)))

    def dragged(self, right: float, up: float) -> LightRig:
        """This rig with the key light moved around the head, as a drag over the front of a ball moves it.

        Args:
            right, up: radians, in the picture.
        """
        angle = float(np.hypot(right, up))
        if angle == 0.0:
            return self
        axis = np.array([-up, right, 0.0]) / angle
        v = np.asarray(self.key_direction, dtype=float)
        c, s = np.cos(angle), np.sin(angle)
        turned = c * v + s * np.cross(axis, v) + (1.0 - c) * (axis @ v) * axis  # Rodrigues' formula
        return replace(self, key_direction=_triple(turned / np.linalg.norm(turned)))


def _triple(values: NDArray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
