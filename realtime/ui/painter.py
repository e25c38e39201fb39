"""Paints what the view shows with OpenGL: a result, another version of it, or both with a line between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.frame import Result
from realtime.light.environments import Environment
from realtime.light.rig import LightRig
from realtime.render import Composer, RenderOptions, ViewMode, estimated_scene
from realtime.render.options import Viewport
from realtime.ui.face_marks import SEEN
from realtime.ui.frame_sink import Shown
from realtime.ui.options import Compared, ViewOptions
from realtime.ui.wipe import Wipe

_ON_PICTURE = (ViewMode.OVERLAY, ViewMode.WIREFRAME)
"""Modes in which faces must lie where the camera saw them, whatever was re-centred."""


@dataclass(frozen=True, eq=False)
class Painting:
    """What is painted.

    Attributes:
        shown: version A; None of nothing.
        companion: version B; None for A as the network said it.
        options: what is shown of it.
        light: that the faces stand in.
        background: sRGB beside and behind the picture.
    """

    shown: Shown | None
    companion: Shown | None
    options: ViewOptions
    light: LightRig
    background: tuple[float, float, float]


class Painter:
    """Keeps a composer for each face model that is shown. For the thread where its context is current."""

    def __init__(self, ctx: moderngl.Context, model: FaceModel, environments: Mapping[str, Environment]) -> None:
        """
        Args:
            ctx: OpenGL 3.3.
            model: that is shown first.
            environments: that the light may come from, by name.

        Raises:
            Exception: of moderngl's, where OpenGL is too old.
        """
        self.ctx = ctx
        self._environments = environments
        self.sides = [_Side(ctx, model)]
        self._wipe = Wipe(ctx)

    def paint(self, target: moderngl.Framebuffer, viewport: Viewport, painting: Painting) -> None:
        """Paint into a part of a framebuffer."""
        self._let_go(painting)
        options = painting.options
        if painting.companion is None:
            other = partial(self._draw, painting, painting.shown, True)
        else:
            other = partial(self._draw, painting, painting.companion, False)
        if options.compared is Compared.B:
            other(target, viewport)
            return
        self._draw(painting, painting.shown, False, target, viewport)
        if options.compared is Compared.WIPE:
            self._wipe.draw(target, viewport, options.wipe, other)

    def release(self) -> None:
        """Free the OpenGL objects."""
        for side in self.sides:
            side.composer.release()
        self.sides = []
        self._wipe.release()

    def _draw(
        self, painting: Painting, shown: Shown | None, raw: bool, target: moderngl.Framebuffer, viewport: Viewport
    ) -> None:
        """Draw one version, smoothed or as the network said."""
        options, light = painting.options, painting.light
        side = self.sides[0] if shown is None else self._side(shown[1])
        image = None if shown is None else shown[0].frame.image
        scene = estimated_scene(
            side.model.layout,
            image,
            [] if shown is None else self._relit(shown[0], side, options, light, raw),
            RenderOptions(
                mode=options.mode,
                mirror=options.mirror,
                diffuse=light.diffuse,
                specular=light.specular,
                opacity=options.opacity,
                whole_head=options.whole_head or options.alone,
                background=painting.background,
            ),
        )
        side.composer.draw(target, viewport, scene)

    def _side(self, model: FaceModel) -> _Side:
        for side in self.sides:
            if side.model is model:
                return side
        self.sides.append(side := _Side(self.ctx, model))
        return side

    def _let_go(self, painting: Painting) -> None:
        """Keep nothing of models that are no longer shown."""
        models = [version[1] for version in (painting.shown, painting.companion) if version is not None]
        if models:
            for side in [side for side in self.sides if not any(side.model is model for model in models)]:
                self.sides.remove(side)
                side.composer.release()

    def _relit(
        self, result: Result, side: _Side, options: ViewOptions, light: LightRig, raw: bool
    ) -> list[NDArray[np.float32]]:
        """(P,) parameters of each face to draw, in the rig's light; the tracked ones stay as they are."""
        layout = side.model.layout
        if options.mode in _ON_PICTURE:
            faces = [face for face in result.faces if options.alone or face.state in SEEN]
            found = [face.raw if raw else face.smoothed for face in faces]
        elif (performer := result.performer) is not None:
            centred = performer.smoothed if performer.centred is None else performer.centred
            found = [performer.raw if raw else centred]
        else:
            found = []
        shown = [vector for vector in found if vector is not None]
        shown.sort(key=lambda vector: float(layout.view(vector).scale))  # the farther ones first
        return [
            light.apply(layout, vector, lit, self._environments)
            for vector, lit in zip(shown, side.lit(len(shown)), strict=True)
        ]


class _Side:
    """What draws the results of one face model."""

    def __init__(self, ctx: moderngl.Context, model: FaceModel) -> None:
        self.model = model
        self.composer = Composer(ctx, model)
        self._lit: list[NDArray[np.float32]] = []  # (P,) each, in the rig's light

    def lit(self, count: int) -> list[NDArray[np.float32]]:
        """So many vectors to write to."""
        while len(self._lit) < count:
            self._lit.append(np.empty(self.model.layout.size, np.float32))
        return self._lit[:count]
