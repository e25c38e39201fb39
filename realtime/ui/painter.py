"""Paints what the view shows with OpenGL: a result, another version of it, or both with a line between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import moderngl

from facemodel import FaceModel
from realtime.light.lighting import Lighting
from realtime.render import Composer, RenderOptions, Scene
from realtime.render.options import Viewport
from realtime.render.result_scenes import ResultScenes
from realtime.ui.frame_sink import Shown
from realtime.ui.options import Compared, ViewOptions
from realtime.ui.wipe import Wipe


@dataclass(frozen=True, eq=False)
class Painting:
    """What is painted.

    Attributes:
        shown: version A; None of nothing.
        companion: version B; None for A as the network said it.
        options: what is shown of it.
        lighting: that the faces stand in.
        background: sRGB beside and behind the picture.
    """

    shown: Shown | None
    companion: Shown | None
    options: ViewOptions
    lighting: Lighting
    background: tuple[float, float, float]


class Painter:
    """Keeps a composer for each face model that is shown. For the thread where its context is current."""

    def __init__(self, ctx: moderngl.Context, model: FaceModel, warm: bool = False) -> None:
        """
        Args:
            ctx: OpenGL 3.3.
            model: that is shown first.
            warm: make composers ready for any light with their first pictures, see `Composer.warm`.

        Raises:
            Exception: of moderngl's, where OpenGL is too old.
        """
        self.ctx = ctx
        self._warm = warm
        self.sides = [_Side(ctx, model, warm)]
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
        now = painting.options
        side = self.sides[0] if shown is None else self._side(shown[1])
        options = RenderOptions(
            mode=now.mode,
            mirror=now.mirror,
            diffuse=now.diffuse,
            specular=now.specular,
            opacity=now.opacity,
            whole_head=now.whole_head or now.alone,
            background=painting.background,
        )
        if shown is None:
            scene = Scene(None, options=options)
        else:
            scene = side.scenes(shown[0], options, painting.lighting, now.alone, raw)
        if side.cold:
            side.composer.warm(target)
            side.cold = False
        side.composer.draw(target, viewport, scene)

    def _side(self, model: FaceModel) -> _Side:
        for side in self.sides:
            if side.model is model:
                return side
        self.sides.append(side := _Side(self.ctx, model, self._warm))
        return side

    def _let_go(self, painting: Painting) -> None:
        """Keep nothing of models that are no longer shown."""
        models = [version[1] for version in (painting.shown, painting.companion) if version is not None]
        if models:
            for side in [side for side in self.sides if not any(side.model is model for model in models)]:
                self.sides.remove(side)
                side.composer.release()


class _Side:
    """What draws the results of one face model."""

    def __init__(self, ctx: moderngl.Context, model: FaceModel, cold: bool) -> None:
        self.model, self.cold = model, cold
        self.composer = Composer(ctx, model)
        self.scenes = ResultScenes(model.layout)
