"""The light of a face as the uniforms that its shaders read."""

from __future__ import annotations

import moderngl
import numpy as np

from facemodel.lighting import lamp_sine, spot_edge, widened_lobe
from realtime.light.lighting import FaceLight, Light
from realtime.light.values import N_LIGHTS
from realtime.render.gl import write_uniform
from realtime.render.options import RenderOptions
from realtime.render.view_lights import VIEW_LIGHTS, ViewLight

_DARK = ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0), (0.0, 1.0, 1.0, 1.0))
"""Uniforms of a lamp that is not there: `lamp_place`, `lamp_diffuse`, `lamp_highlight`, `lamp_reach`."""


class LightUniforms:
    """Light of one face in one view, whose mode may have a light of its own, or show one term alone.

    Attributes:
        lamps: that shine beside SH light and key light, at most `N_LIGHTS`.
    """

    def __init__(self) -> None:
        self.lamps: tuple[Light, ...] = ()
        self._sh = np.zeros((9, 3), np.float32)
        self._key_position = self._key_color = (0.0, 0.0, 0.0)
        self._terms = (1.0, 1.0)
        self._place = np.zeros((N_LIGHTS, 4), np.float32)
        self._diffuse = np.zeros((N_LIGHTS, 4), np.float32)
        self._highlight = np.zeros((N_LIGHTS, 4), np.float32)
        self._reach = np.zeros((N_LIGHTS, 4), np.float32)
        self._made_of: tuple[object, ...] = ()

    def update(self, light: FaceLight, options: RenderOptions) -> None:
        """Take the light of a face, its material's factors included."""
        view = VIEW_LIGHTS.get(options.mode, ViewLight((float(options.diffuse), float(options.specular))))
        self._terms = view.terms
        tone = 2.0**light.tone if view.clay[3] == 0.0 else 1.0
        diffuse, specular = light.diffuse * tone, light.specular
        if view.light is not None:
            diffuse, specular = tone, 1.0
        shown = light if view.light is None else view.light
        np.multiply(shown.sh, diffuse, out=self._sh)
        x, y, z = shown.key_position.tolist()
        r, g, b = shown.key_color.tolist()
        self._key_position, self._key_color = (x, y, z), (r * specular, g * specular, b * specular)
        self._set_lamps(light.lights[:N_LIGHTS] if view.light is None else (), diffuse, specular, light.shininess)

    def write(self, program: moderngl.Program) -> None:
        """Set the uniforms of a program with SH and key light, and those of `lamps.glsl` if it includes it."""
        write_uniform(program, "sh", self._sh)
        program["key_position"], program["key_color"] = self._key_position, self._key_color
        program["terms"] = self._terms
        if "lamp_count" in program:
            program["lamp_count"] = len(self.lamps)
        if not self.lamps or "lamp_place" not in program:
            return
        write_uniform(program, "lamp_place", self._place)
        write_uniform(program, "lamp_diffuse", self._diffuse)
        write_uniform(program, "lamp_reach", self._reach)
        if "lamp_highlight" in program:  # hair has a lobe of its own
            write_uniform(program, "lamp_highlight", self._highlight)

    def _set_lamps(self, lamps: tuple[Light, ...], diffuse: float, specular: float, shininess: float) -> None:
        made_of = (lamps, diffuse, specular, shininess)
        if made_of == self._made_of:
            return
        self._made_of, self.lamps = made_of, lamps
        for values, dark in zip((self._place, self._diffuse, self._highlight, self._reach), _DARK, strict=True):
            values[:] = dark
        for i, lamp in enumerate(lamps):
            exponent, height = widened_lobe(shininess, lamp.size)
            self._place[i, :3] = lamp.direction
            self._place[i, :3] *= lamp.distance
            self._place[i, 3] = lamp.kind != "directional"
            self._diffuse[i, :3] = lamp.color
            self._highlight[i, :3] = lamp.color
            self._diffuse[i, :3] *= diffuse
            self._highlight[i, :3] *= specular * height
            self._diffuse[i, 3] = lamp_sine(lamp.size)
            self._highlight[i, 3] = exponent
            slope, offset = spot_edge(lamp.kind, lamp.beam)
            self._reach[i] = slope / lamp.distance, offset, 1.0 / lamp_sine(lamp.size), lamp.distance**2
