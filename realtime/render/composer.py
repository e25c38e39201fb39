"""Draws scenes with OpenGL 3.3 core, into any framebuffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from facemodel.hair import WornHair
from facemodel.hair_shading import HairLook
from realtime.light.lighting import FaceLight, Lighting
from realtime.matte.person_matte import Matte
from realtime.render.gl import is_software
from realtime.render.layer import Layer
from realtime.render.light_uniforms import LightUniforms
from realtime.render.matte_texture import MatteTexture
from realtime.render.mesh import Mesh
from realtime.render.options import Alpha, RenderOptions, ViewMode, Viewport, letterbox
from realtime.render.passes.blend import BlendPass, covered_part
from realtime.render.passes.cut import CutPass
from realtime.render.passes.face import LAMP_COUNTS, FacePass
from realtime.render.passes.frame import FramePass
from realtime.render.passes.hair import HairPass
from realtime.render.passes.relight import RelightPass
from realtime.render.passes.shadow import ShadowPass
from realtime.render.passes.wire import WirePass
from realtime.render.scene import Scene, SceneFace
from realtime.render.tiles import EVERYWHERE

_WARM_SIZE = (88, 56)
"""Width and height, px, of pictures that only make drivers compile; no powers of two, which some sample otherwise."""

Worn = tuple[WornHair, HairLook]
"""A hair style on the face model that is drawn, and its colour and shine."""


class Composer:
    """Draws the scenes of one face model as a list of passes; the same class serves a window and headless use.

    The frame comes first. Each face goes to a layer of the view's size, is shaded there in linear light as
    `facemodel.lighting` shades, and is encoded once, as the layer is blended over the picture. All calls belong on the
    thread where `ctx` is current.
    """

    def __init__(
        self, ctx: moderngl.Context, model: FaceModel, samples: int | None = None, hair: Sequence[Worn] = ()
    ) -> None:
        """
        Args:
            ctx: an OpenGL 3.3 core context (or later), current on this thread.
            model: the face model that parameter vectors belong to.
            samples: a pixel; 1 smooths the silhouette alone. Without it 4, or 1 where OpenGL runs on the CPU
                and several samples would cost most of the frame time.
            hair: what every face wears in the overlay of the whole head, lashes first.
        """
        self._ctx = ctx
        if samples is None:
            samples = 1 if is_software(ctx) else 4
        self._samples = min(samples, ctx.max_samples)
        self._layout = model.layout
        self._mesh = Mesh(ctx, model)
        self._frame = FramePass(ctx)
        self._lines = MatteTexture(ctx)
        self._shadow = ShadowPass(ctx, self._mesh, model)
        self._face = FacePass(ctx, self._mesh)
        self._wire = WirePass(ctx, self._mesh)
        self._relight = RelightPass(ctx, self._mesh, model)
        self._hair = [HairPass(ctx, worn, look) for worn, look in hair]
        self._blend = BlendPass(ctx)
        self._light, self._hair_light = LightUniforms(), LightUniforms()
        self._layer: Layer | None = None
        self._cut: CutPass | None = None

    def draw(self, target: moderngl.Framebuffer, viewport: Viewport, scene: Scene) -> None:
        """Draw one picture, letter-boxed.

        Args:
            target: where to draw; its depth is neither read nor written.
            viewport: x, y, width, height in pixels of `target`.
            scene: what is drawn.
        """
        frame_size = scene.size
        if frame_size is None:
            image = scene.image
            frame_size = viewport[2:] if image is None else (image.shape[1], image.shape[0])
        if scene.matte is not None:
            self._lines.upload(scene.matte)
        if scene.options.alpha is None:
            self._draw_picture(target, viewport, scene, frame_size)
        else:
            self._draw_cut(target, viewport, scene, frame_size)

    def _draw_picture(
        self, target: moderngl.Framebuffer, viewport: Viewport, scene: Scene, frame_size: tuple[int, int]
    ) -> None:
        image, options = scene.image, scene.options
        target.clear(*options.background, 1.0, viewport=viewport)
        if options.mode is ViewMode.SIDE_BY_SIDE:
            x, y, width, height = viewport
            left, right = (x, y, width // 2, height), (x + width // 2, y, width - width // 2, height)
            self._draw_view(target, left, image, (), replace(options, mode=ViewMode.CAMERA), frame_size)
            self._draw_view(target, right, None, scene.faces, options, frame_size)
        elif options.mode is ViewMode.RELIT and image is not None:
            self._draw_relit(target, letterbox(frame_size, viewport), image, scene)
        else:
            shown = image if options.mode.shows_camera else None
            self._draw_view(target, viewport, shown, scene.faces, options, frame_size)

    def warm(self, target: moderngl.Framebuffer) -> None:
        """Draw small pictures in the light of every number of lamps, plain and relit, so that no cue waits for a driver
        that compiles. To compile alone is not enough: drivers do most of it when something is drawn.

        Args:
            target: that they are drawn into, at the bottom left.
        """
        width, height = _WARM_SIZE
        vector = self._layout.neutral()
        face = self._layout.view(vector)
        face.translation[:], face.scale = (width / 2, height / 2), height / 300.0
        image = np.zeros((height, width, 3), np.uint8)
        lines = np.ones((36, 64, 2), np.float32)
        matte = Matte(lines, np.zeros((36, 64, 3), np.uint8), lines[..., 1], EVERYWHERE)
        seen = FaceLight.estimated(face)
        for count in LAMP_COUNTS:
            lamps = Lighting.of({f"light/{n}/intensity": 0.5 for n in range(1, count + 1)}).lights
            faces = (SceneFace(vector, replace(seen, lights=lamps), seen),)
            for mode in (ViewMode.OVERLAY, ViewMode.RELIT):
                self.draw(target, (0, 0, width, height), Scene(image, faces, RenderOptions(mode), matte=matte))

    def release(self) -> None:
        """Free every OpenGL object that this composer made."""
        for item in (
            self._frame, self._lines, self._shadow, self._face, self._wire, self._relight, *self._hair, self._blend,
            self._mesh, self._layer, self._cut,
        ):  # fmt: skip
            if item is not None:
                item.release()
        self._layer = self._cut = None

    def _draw_cut(
        self, target: moderngl.Framebuffer, viewport: Viewport, scene: Scene, frame_size: tuple[int, int]
    ) -> None:
        """The picture with alpha."""
        self._cut = cut = self._cut or CutPass(self._ctx)
        cut.begin(viewport[2:])
        inside = (0, 0, *viewport[2:])
        options = replace(scene.options, background=(0.0, 0.0, 0.0))
        image = scene.image if options.mode.shows_camera else None
        self._draw_picture(cut.picture, inside, replace(scene, options=options), frame_size)
        rectangle = letterbox(frame_size, inside)
        if options.alpha is Alpha.FACE:
            whole = replace(options, mode=ViewMode.OVERLAY, opacity=1.0)
            for scene_face in scene.faces:
                part = self._draw_face(cut.coverage, rectangle, scene_face, whole, image is not None, frame_size, True)
                if part is not None:
                    cut.covers(rectangle, part)
        elif image is not None and scene.matte is not None:
            assert self._frame.texture is not None and self._lines.texture is not None  # of the picture
            cut.cover_by_matte(self._frame.texture, self._lines.texture, scene.matte.tiles, rectangle, options.mirror)
        cut.draw(target, viewport, image is None, options.premultiplied)

    def _draw_view(
        self,
        target: moderngl.Framebuffer,
        viewport: Viewport,
        image: NDArray[np.uint8] | None,
        faces: Sequence[SceneFace],
        options: RenderOptions,
        frame_size: tuple[int, int],
    ) -> None:
        """One frame-shaped view: each face's layer over the image, or over the background without one."""
        rectangle = letterbox(frame_size, viewport)
        if image is not None:
            self._frame.upload(image, rectangle[2:])
            self._frame.draw(target, rectangle, options.mirror)
        for scene_face in faces if options.mode is not ViewMode.CAMERA else ():
            self._draw_face(target, rectangle, scene_face, options, image is not None, frame_size)

    def _draw_face(
        self,
        target: moderngl.Framebuffer,
        rectangle: Viewport,
        scene_face: SceneFace,
        options: RenderOptions,
        on_frame: bool,
        frame_size: tuple[int, int],
        coverage: bool = False,
    ) -> Viewport | None:
        """A face's layer over what is there; returns the part of the rectangle that it can cover."""
        face = self._layout.view(scene_face.parameters)
        size = rectangle[2:]
        light = None if coverage else scene_face.light
        layer = self._draw_layer(face, light, options, on_frame, frame_size, size)
        part = covered_part(self._bounds(face), face, frame_size, size, options.mirror)
        if part is not None:
            opacity = options.opacity if on_frame else 1.0
            lines = options.mode is ViewMode.WIREFRAME  # drawn encoded and smooth
            smooth = self._samples == 1 and not lines
            self._blend.draw(layer, target, rectangle, part, opacity, options.mirror, smooth, not lines)
        return part

    def _draw_relit(
        self, target: moderngl.Framebuffer, rectangle: Viewport, image: NDArray[np.uint8], scene: Scene
    ) -> None:
        """The frame in the light that the show makes; as it is where nothing of it is to be relit."""
        relight, mirror = scene.lighting.relight, scene.options.mirror
        texture = self._frame.upload(image, rectangle[2:])
        faces = [face for face in scene.faces if face.seen is not None]
        away = None if faces or scene.matte is None else scene.away
        if relight.strength == 0.0 or not (faces or away):
            self._frame.draw(target, rectangle, mirror)
            return
        self._relight.begin(texture, scene.matte, self._lines.texture)
        if away is not None and away.seen is not None:
            self._relight.add_away(away.seen, away.light)
        for scene_face in faces:
            face = self._layout.view(scene_face.parameters)
            self._update(face)
            assert scene_face.seen is not None
            self._light.update(scene_face.light, scene.options)
            self._shadow.draw(face, self._light.lamps)
            radius = 1.01 * self._mesh.geometry.radius
            self._relight.add_face(face, scene_face.seen, scene_face.light, self._light, radius)
        self._relight.draw(target, rectangle, relight, mirror)

    def _draw_layer(
        self,
        face: Parameters,
        light: FaceLight | None,
        options: RenderOptions,
        on_frame: bool,
        frame_size: tuple[int, int],
        size: tuple[int, int],
    ) -> moderngl.Texture:
        """Draw the face alone, premultiplied, or without light its coverage; returns the picture."""
        self._update(face)
        if self._layer is None or self._layer.size != size:
            if self._layer is not None:
                self._layer.release()
            self._layer = Layer(self._ctx, size, self._samples)
        fade = on_frame and not options.whole_head
        radius = 1.01 * max(self._mesh.geometry.radius, *(hair.radius for hair in self._hair), 0.0)
        if light is not None:
            self._light.update(light, options)
            self._shadow.draw(face, self._light.lamps)
        self._layer.begin()
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        if light is None:
            self._face.cover(face, options, fade, frame_size, radius)
        elif options.mode is ViewMode.WIREFRAME:
            self._wire.draw(face, options, fade, frame_size, radius, size)
        else:
            self._face.draw(face, self._light, light.shininess, options, fade, frame_size, radius)
        if self._hair and options.whole_head and options.mode is ViewMode.OVERLAY:
            self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)  # strands cover a part of a pixel
            self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            light = light or FaceLight.estimated(face)
            self._hair_light.update(replace(light, diffuse=1.0, specular=1.0, tone=0.0), options)  # that is the skin's
            for hair in self._hair:
                hair.draw(face, self._hair_light, frame_size, radius)
        self._layer.resolve()
        return self._layer.texture

    def _update(self, face: Parameters) -> None:
        """Give mesh and hair the shape and albedo of a face."""
        moved = self._mesh.update(face)
        for hair in self._hair:
            hair.update(self._mesh.geometry, face, moved.shape)
        if moved.albedo:
            for hair in self._hair:
                hair.color_scalp(self._mesh.geometry.diffuse, self._mesh.geometry.specular)
            self._mesh.write_albedo()

    def _bounds(self, face: Parameters) -> NDArray[np.float32]:
        """(4,) mm: left, bottom, right, top of the turned head and its hair about the head centre, +y up."""
        parts = [self._mesh.geometry.bounds(face.rotation), *(hair.bounds(face.rotation) for hair in self._hair)]
        return np.concatenate([np.min(parts, axis=0)[:2], np.max(parts, axis=0)[2:]])
