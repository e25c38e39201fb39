"""Lighting: what the show says at one moment, and the light that it makes on one face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from facemodel import Parameters
from facemodel.lighting import rotate_sh, sh_basis
from facemodel.parameters import MAX_SHININESS, MIN_SHININESS
from facemodel.rotation import matrix_from_euler
from realtime.light.color_temperature import color_of_temperature
from realtime.light.environments import ENVIRONMENTS, Environment
from realtime.light.values import DEFAULTS, N_LIGHTS, Rgb, Value


@dataclass(frozen=True)
class Light:
    """One light that shines.

    Attributes:
        number: 1..N_LIGHTS.
        kind: "point", "directional" or "spot"; a spot aims at the middle of the head.
        direction: unit vector from the head centre to the light; +x image right, +y up, +z to the camera.
        distance: mm from the head centre.
        color: linear RGB of irradiance / pi at the head centre, intensity and temperature included.
        size: degrees that it looks large from the head.
        beam: degrees, full angle of a spot's cone.
        on_head: it moves with the head: `direction` is of the head's own frame, as it looks straight ahead.
        shadow: 0..1, how dark the head's shadow on itself is.
    """

    number: int
    kind: str
    direction: Rgb
    distance: float
    color: Rgb
    size: float
    beam: float
    on_head: bool
    shadow: float


@dataclass(frozen=True)
class Material:
    """What the show makes of the skin: factors on diffuse light and on highlights, the exponent of the show's own
    highlights, and stops by which its diffuse albedo is lighter."""

    diffuse: float = 1.0
    specular: float = 1.0
    shininess: float = 20.0
    tone: float = 0.0


@dataclass(frozen=True)
class Relight:
    """How the video is relit; see the values of the same names."""

    strength: float = 1.0
    even: float = 0.4
    background: str = "keep"
    dim: float = 0.5
    backdrop: Rgb = (0.0, 0.0, 0.0)
    lock: bool = False


@dataclass(frozen=True)
class Lighting:
    """What the show says of light and picture at one moment.

    Attributes:
        estimated: faces stand in the light that was estimated; lights and environment count for nothing.
        lights: that shine, by number.
        environment: that faces stand in; None for the estimated SH light.
        rotation: degrees that it is turned about the vertical; positive from the front to image right.
        intensity: factor on it.
        material: of the skin.
        relight: of the video.
    """

    estimated: bool = True
    lights: tuple[Light, ...] = ()
    environment: Environment | None = None
    rotation: float = 0.0
    intensity: float = 1.0
    material: Material = Material()
    relight: Relight = Relight()

    @classmethod
    def of(
        cls,
        values: Mapping[str, Value],
        master: float = 1.0,
        environments: Mapping[str, Environment] = ENVIRONMENTS,
    ) -> Lighting:
        """Return the lighting that the values of a show make.

        Args:
            values: by name; those that are not there have their default.
            master: the grand master, a factor on every light of the show and its environment.
            environments: by name; a name that is not there counts as the estimated SH light.
        """

        def number(name: str) -> float:
            return cast(float, values.get(name, DEFAULTS[name]))

        def text(name: str) -> str:
            return cast(str, values.get(name, DEFAULTS[name]))

        def color(name: str) -> Rgb:
            return cast(Rgb, values.get(name, DEFAULTS[name]))

        lights = []
        for n in range(1, N_LIGHTS + 1):
            at = f"light/{n}"
            if (intensity := number(f"{at}/intensity") * master) <= 0.0:
                continue
            lamp = color_of_temperature(number(f"{at}/temperature"))
            r, g, b = (intensity * a * c for a, c in zip(color(f"{at}/color"), lamp, strict=True))
            lights.append(
                Light(
                    n,
                    text(f"{at}/kind"),
                    direction_of(number(f"{at}/azimuth"), number(f"{at}/elevation")),
                    number(f"{at}/distance"),
                    (r, g, b),
                    number(f"{at}/size"),
                    number(f"{at}/beam"),
                    text(f"{at}/fixed") == "head",
                    number(f"{at}/shadow"),
                )
            )
        return cls(
            estimated=text("light/source") == "estimated",
            lights=tuple(lights),
            environment=environments.get(text("environment/name")),
            rotation=number("environment/rotation"),
            intensity=number("environment/intensity") * master,
            material=Material(
                number("material/diffuse"),
                number("material/specular"),
                number("material/shininess"),
                number("material/tone"),
            ),
            relight=Relight(
                number("relight/strength"),
                number("relight/even"),
                text("relight/background"),
                number("relight/dim"),
                color("relight/backdrop"),
                bool(values.get("relight/lock", False)),
            ),
        )


def values_of(lighting: Lighting) -> dict[str, Value]:
    """Return values that make a lighting again but for its environment, by name.

    They are not those that made it: the grand master is in the intensities, and the lamp's temperature in the colour.
    """
    values: dict[str, Value] = {
        **{name: value for name, value in DEFAULTS.items() if name != "environment/name"},
        "light/source": "estimated" if lighting.estimated else "show",
        "environment/rotation": lighting.rotation,
        "environment/intensity": lighting.intensity,
        **{f"material/{name}": value for name, value in vars(lighting.material).items()},
        **{f"relight/{name}": value for name, value in vars(lighting.relight).items()},
    }
    for light in lighting.lights:
        if (intensity := max(light.color)) <= 0.0:
            continue
        azimuth, elevation = place_of(light.direction)
        r, g, b = (part / intensity for part in light.color)
        of_light: dict[str, Value] = {
            "intensity": intensity,
            "kind": light.kind,
            "azimuth": azimuth,
            "elevation": elevation,
            "distance": light.distance,
            "fixed": "head" if light.on_head else "room",
            "color": (r, g, b),
            "temperature": DEFAULTS[f"light/{light.number}/temperature"],
            "size": light.size,
            "beam": light.beam,
            "shadow": light.shadow,
        }
        values |= {f"light/{light.number}/{name}": value for name, value in of_light.items()}
    return values


@dataclass(frozen=True, eq=False)
class FaceLight:
    """The light that one face is drawn in; everything camera-aligned, linear RGB.

    Attributes:
        sh: (9, 3) irradiance / pi coefficients.
        key_position: (3,) mm from the head centre, of the light that makes a highlight alone (Eq. 5): its diffuse light
            is in `sh` already.
        key_color: (3,) of it.
        shininess: Blinn-Phong exponent.
        lights: that shine beside, diffuse and specular; none of them moves with the head any more.
        diffuse, specular: factors on both kinds of light.
        tone: stops on the diffuse albedo.
    """

    sh: NDArray[np.float32]
    key_position: NDArray[np.float32]
    key_color: NDArray[np.float32]
    shininess: float
    lights: tuple[Light, ...] = ()
    diffuse: float = 1.0
    specular: float = 1.0
    tone: float = 0.0

    @classmethod
    def estimated(cls, face: Parameters) -> FaceLight:
        """Return the light that a face was seen in."""
        return cls(face.sh, face.key_position, face.key_color, float(face.shininess))

    def without_lamps(self) -> FaceLight:
        """Return the nearest light of one key light alone, for those who know no other.

        The SH light has the diffuse light of all lamps too (Ramamoorthi & Hanrahan 2001, a clamped cosine to band 2).
        The highlight is that of the brightest lamp, if it is brighter than the key light.
        """
        sh, position, color = self.sh * self.diffuse, self.key_position, self.key_color
        for light in self.lights:
            sh = sh + self.diffuse * np.outer(_CLAMPED_COSINE * sh_basis(light.direction), light.color)
            if sum(light.color) > float(np.sum(color)):
                position, color = light.distance * np.array(light.direction), np.array(light.color)
        sh, position, color = (np.asarray(part, np.float32) for part in (sh, position, color * self.specular))
        return FaceLight(sh, position, color, self.shininess, tone=self.tone)


_CLAMPED_COSINE = np.pi * np.repeat([1.0, 2.0 / 3.0, 1.0 / 4.0], [1, 3, 5])  # of each SH coefficient, by its band


def light_on(lighting: Lighting, face: Parameters) -> FaceLight:
    """Return the light that a lighting makes on a face.

    Args:
        lighting: of the moment.
        face: parameters of the face, whose estimated light stands in where the lighting leaves it.
    """
    material = lighting.material
    seen = FaceLight.estimated(face)
    sh, key_position, key_color, shininess = seen.sh, seen.key_position, seen.key_color, seen.shininess
    lights: tuple[Light, ...] = ()
    if not lighting.estimated:
        environment = lighting.environment
        shininess = min(max(material.shininess, MIN_SHININESS), MAX_SHININESS)
        if environment is None:
            key_color = np.zeros(3, np.float32)  # the lights of the show make the highlights
        else:
            sh, key_position, key_color = environment.sh, environment.key_position, environment.key_color
        turn = matrix_from_euler(np.radians(lighting.rotation), 0.0, 0.0)
        sh = (rotate_sh(turn, sh) * lighting.intensity).astype(np.float32)
        key_position = (turn @ key_position).astype(np.float32)
        key_color = (key_color * lighting.intensity).astype(np.float32)
        lights = tuple(_in_the_room(light, face.rotation) for light in lighting.lights)
    return FaceLight(sh, key_position, key_color, shininess, lights, material.diffuse, material.specular, material.tone)


def direction_of(azimuth: float, elevation: float) -> Rgb:
    """Return the unit vector to a place on the sphere around the head; degrees, see `light/1/azimuth`."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)


def place_of(direction: Rgb) -> tuple[float, float]:
    """Return azimuth and elevation, degrees, of a direction of any length but 0."""
    x, y, z = direction
    return math.degrees(math.atan2(x, z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def _in_the_room(light: Light, rotation: NDArray) -> Light:
    """Return a light where it stands while the head is turned by `rotation`, (3, 3)."""
    if not light.on_head:
        return light
    x, y, z = (float(v) for v in rotation @ np.array(light.direction))
    return Light(**{**vars(light), "direction": (x, y, z), "on_head": False})


def dragged(direction: Rgb, right: float, up: float) -> Rgb:
    """Return a direction moved around the head, as a drag over the front of a ball moves it.

    Args:
        direction: unit vector.
        right, up: radians, in the picture.
    """
    angle = float(np.hypot(right, up))
    if angle == 0.0:
        return direction
    axis, v = np.array([-up, right, 0.0]) / angle, np.array(direction)
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = c * v + s * np.cross(axis, v) + (1.0 - c) * (axis @ v) * axis  # Rodrigues' formula
    return float(x), float(y), float(z)
