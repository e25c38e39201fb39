"""The option --light: faces stand in an environment."""

from __future__ import annotations

from pathlib import Path

from facemodel import LimelightError
from realtime.light.environments import ENVIRONMENTS
from realtime.light.values import Value


def light_values(light: str | None) -> dict[str, Value]:
    """Return the values of a show in which faces stand in an environment.

    Args:
        light: name of a preset, or a panorama's path; None: they stand in their own.

    Raises:
        LimelightError: it is neither.
    """
    if light is None:
        return {}
    if light not in ENVIRONMENTS and not Path(light).is_file():
        presets = ", ".join(ENVIRONMENTS)
        raise LimelightError(f"--light {light}: neither a preset ({presets}) nor the file of a panorama")
    name = light if light in ENVIRONMENTS else str(Path(light).expanduser().absolute())
    return {"light/source": "show", "environment/name": name}
