"""Draws the face and the frame with OpenGL 3.3 core, into any framebuffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from facemodel.hair import WornHair
from facemodel.hair_shading import HairLook
from realtime.render.geometry import FaceGeometry, face_alpha
from realtime.render.hair_layer import HairLayer
from realtime.render.options import RenderOptions, ViewMode, Viewport, letterbox
from realtime.render.view_lights import VIEW_LIGHTS, WIRE_COLOR, ViewLight
from shaders import load_shader

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "gdi generic")
_BORDER_WIDTH_MM = 18.0

Faces = NDArray[np.float32] | Sequence[NDArray[np.float32]] | None
"""Parameter vectors (P,): one, several, or none."""

Worn = tuple[WornHair, HairLook]
"""A hair style on the face model that is drawn, and its colour and shine."""


class FaceRenderer:
    """Draws a face model in every view mode; the same class serves a window and headless use.

    The face goes to a multisampled layer of the viewport's size, is shaded there as `facemodel.lighting`
    shades, and the layer is blended over the frame or a plain background. All calls belong on the thread
    where `ctx` is current.
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
        self._hair = [HairLayer(ctx, worn, look) for worn, look in hair]
        if samples is None:
            samples = 1 if _is_software(ctx) else 4
        self._samples = min(samples, ctx.max_samples)
        self._layout = model.layout
        self._geometry = FaceGeometry(model)
        self._shader = _program(ctx, "face.vert", "face.frag")
        self._wire_shader = _program(ctx, "face.vert", "wireframe.frag", "wireframe.geom")
        self._frame_shader = _program(ctx, "screen.vert", "frame.frag")
        self._layer_shader = _program(ctx, "screen.vert", "layer.frag")

        size = model.n_vertices * 12
        self._positions = ctx.buffer(reserve=size, dynamic=True)
        self._normals = ctx.buffer(reserve=size, dynamic=True)
        self._diffuse = ctx.buffer(reserve=size, dynamic=True)
        self._specular = ctx.buffer(reserve=size, dynamic=True)
        self._occlusion = ctx.buffer(model.occlusion.tobytes())
        self._alpha = ctx.buffer(face_alpha(model, _BORDER_WIDTH_MM).tobytes())
        self._triangles = ctx.buffer(model.triangles.tobytes())
        self._mesh = self._vertex_array(self._shader)
        self._wire_mesh = self._vertex_array(self._wire_shader)
        self._frame_screen = ctx.vertex_array(self._frame_shader, [])
        self._layer_screen = ctx.vertex_array(self._layer_shader, [])
        self._layer: _Layer | None = None
        self._frame_texture: moderngl.Texture | None = None

    def draw(
        self,
        target: moderngl.Framebuffer,
        viewport: Viewport,
        image: NDArray[np.uint8] | None,
        parameters: Faces,
        options: RenderOptions,
        frame_size: tuple[int, int] | None = None,
    ) -> None:
        """Draw one picture into `viewport` of `target`, letter-boxed.

        Args:
            target: where to draw; its depth is neither read nor written.
            viewport: x, y, width, height in pixels of `target`.
            image: (H, W, 3) uint8 BGR frame, or None for a plain background.
            parameters: (P,) in frame pixels, several of them in the order in which they are drawn, or None to draw no
                face. To relight, edit a copy of the vector.
            options: what to show.
            frame_size: width, height of the frame that `parameters` belong to; the image's size, or without
                an image the viewport's, if None.
        """
        if frame_size is None:
            frame_size = viewport[2:] if image is None else (image.shape[1], image.shape[0])
        faces = [parameters] if isinstance(parameters, np.ndarray) else parameters or ()
        target.clear(*options.background, 1.0, viewport=viewport)
        if options.mode is ViewMode.SIDE_BY_SIDE:
            x, y, width, height = viewport
            left, right = (x, y, width // 2, height), (x + width // 2, y, width - width // 2, height)
            self._draw_view(target, left, image, (), replace(options, mode=ViewMode.CAMERA), frame_size)
            self._draw_view(target, right, None, faces, options, frame_size)
        else:
            shown = image if options.mode.shows_camera else None
            self._draw_view(target, viewport, shown, faces, options, frame_size)

    def release(self) -> None:
        """Free every OpenGL object that this renderer made."""
        for item in (
            self._mesh, self._wire_mesh, self._frame_screen, self._layer_screen,
            self._positions, self._normals, self._diffuse, self._specular, self._occlusion,
            self._alpha, self._triangles, self._shader, self._wire_shader, self._frame_shader,
            self._layer_shader, self._layer, self._frame_texture, *self._hair,
        ):  # fmt: skip
            if item is not None:
                item.release()
        self._layer = self._frame_texture = None

    def _draw_view(
        self,
        target: moderngl.Framebuffer,
        viewport: Viewport,
        image: NDArray[np.uint8] | None,
        faces: Sequence[NDArray[np.float32]],
        options: RenderOptions,
        frame_size: tuple[int, int],
    ) -> None:
        """One frame-shaped view: each face's layer over the image, or over the background without one."""
        rectangle = letterbox(frame_size, viewport)
        if image is not None:
            self._draw_frame(target, rectangle, image, frame_size, options.mirror)
        for parameters in faces if options.mode is not ViewMode.CAMERA else ():
            p = self._layout.view(parameters)
            layer = self._draw_layer(p, options, image is not None, frame_size, rectangle[2:])
            opacity = 1.0 if image is None else options.opacity
            smooth = self._samples == 1 and options.mode is not ViewMode.WIREFRAME
            self._blend_layer(layer, target, rectangle, p, frame_size, opacity, options.mirror, smooth)

    def _draw_frame(
        self,
        target: moderngl.Framebuffer,
        rectangle: Viewport,
        image: NDArray[np.uint8],
        frame_size: tuple[int, int],
        mirror: bool,
    ) -> None:
        target.use()
        self._ctx.viewport = rectangle
        self._ctx.enable_only(moderngl.NOTHING)
        self._upload(image, exact=rectangle[2:] == frame_size).use(0)
        self._frame_shader["mirror"] = mirror
        self._frame_screen.render(moderngl.TRIANGLES, vertices=3)

    def _blend_layer(
        self,
        layer: moderngl.Texture,
        target: moderngl.Framebuffer,
        rectangle: Viewport,
        parameters: Parameters,
        frame_size: tuple[int, int],
        opacity: float,
        mirror: bool,
        smooth_silhouette: bool,
    ) -> None:
        """Blend the layer into `rectangle` of the target, within the bounds of face and hair only."""
        x, y, width, height = rectangle
        parts = [self._geometry.bounds(parameters.rotation)]
        parts += [hair.bounds(parameters.rotation) for hair in self._hair]
        low, high = np.min(parts, axis=0)[:2], np.max(parts, axis=0)[2:]
        to_pixels = parameters.scale * width / frame_size[0]
        left, bottom, right, top = (to_pixels * np.concatenate([low, high])).tolist()
        centre_x = parameters.translation[0] * width / frame_size[0]
        if mirror:
            left, right, centre_x = -right, -left, width - centre_x
        centre_y = height - parameters.translation[1] * height / frame_size[1]
        x0, x1 = (min(max(int(v + centre_x), 0), width) for v in (left - 2, right + 3))
        y0, y1 = (min(max(int(v + centre_y), 0), height) for v in (bottom - 2, top + 3))
        if x0 == x1 or y0 == y1:
            return
        target.use()
        self._ctx.viewport = rectangle
        self._ctx.scissor = (x + x0, y + y0, x1 - x0, y1 - y0)
        self._ctx.enable_only(moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        layer.use(0)
        shader = self._layer_shader
        shader["opacity"], shader["mirror"] = opacity, mirror
        shader["smooth_silhouette"] = smooth_silhouette
        self._layer_screen.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.scissor = None

    def _draw_layer(
        self,
        parameters: Parameters,
        options: RenderOptions,
        on_frame: bool,
        frame_size: tuple[int, int],
        size: tuple[int, int],
    ) -> moderngl.Texture:
        """Draw the face alone, premultiplied; returns the picture."""
        self._upload_geometry(parameters)
        if self._layer is None or self._layer.size != size:
            if self._layer is not None:
                self._layer.release()
            self._layer = _Layer(self._ctx, size, self._samples)
        if options.mode is ViewMode.WIREFRAME:
            shader, mesh = self._wire_shader, self._wire_mesh
            shader["layer_size"], shader["line_color"] = size, WIRE_COLOR
        else:
            shader, mesh = self._shader, self._mesh
            self._set_light(shader, parameters, options)
        shader["steepness"] = 1.0 if options.soft_border else 1e4
        shader["fade"] = 1.0 if on_frame and not options.whole_head else 0.0
        self._set_pose(shader, parameters, frame_size)
        self._layer.begin()
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        mesh.render(moderngl.TRIANGLES)
        if options.whole_head and options.mode is ViewMode.OVERLAY:
            self._draw_hair(parameters, options, frame_size)
        self._layer.resolve()
        return self._layer.texture

    def _draw_hair(self, parameters: Parameters, options: RenderOptions, frame_size: tuple[int, int]) -> None:
        """Draw hair and lashes over the face in the layer; strands cover a part of a pixel."""
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        for hair in self._hair:
            self._set_light(hair.shader, parameters, options)
            self._set_pose(hair.shader, parameters, frame_size)
            hair.draw()

    def _set_pose(self, shader: moderngl.Program, parameters: Parameters, frame_size: tuple[int, int]) -> None:
        _write(shader, "rotation", parameters.rotation.T)  # OpenGL stores columns
        shader["translation"] = tuple(parameters.translation.tolist())
        shader["scale"] = parameters.scale
        shader["frame_size"] = frame_size
        shader["radius"] = 1.01 * max(self._geometry.radius, *(hair.radius for hair in self._hair), 0.0)

    def _set_light(self, shader: moderngl.Program, parameters: Parameters, options: RenderOptions) -> None:
        """Light and albedo of a view mode; the shaded ones draw the terms that are asked for."""
        terms = (float(options.diffuse), float(options.specular))
        view = VIEW_LIGHTS.get(options.mode, ViewLight(terms))
        light = parameters if view.light is None else view.light
        _write(shader, "sh", light.sh)
        shader["key_position"] = tuple(float(v) for v in light.key_position)
        shader["key_color"] = tuple(float(v) for v in light.key_color)
        shader["terms"] = view.terms
        if shader is self._shader:
            shader["shininess"] = parameters.shininess if view.shininess is None else view.shininess
            shader["clay"] = view.clay

    def _upload_geometry(self, parameters: Parameters) -> None:
        moved = self._geometry.update_shape(parameters)
        if moved:
            self._positions.write(self._geometry.positions)
            self._normals.write(self._geometry.normals)
        for hair in self._hair:
            hair.update(self._geometry, parameters, moved)
        if self._geometry.update_albedo(parameters):
            for hair in self._hair:
                hair.color_scalp(self._geometry.diffuse, self._geometry.specular)
            self._diffuse.write(self._geometry.diffuse)
            self._specular.write(self._geometry.specular)

    def _upload(self, image: NDArray[np.uint8], exact: bool) -> moderngl.Texture:
        """The frame as a texture; `exact` where a pixel of it is a pixel of the viewport."""
        size = (image.shape[1], image.shape[0])
        if self._frame_texture is None or self._frame_texture.size != size:
            if self._frame_texture is not None:
                self._frame_texture.release()
            self._frame_texture = self._ctx.texture(size, 3, alignment=1)
            self._frame_texture.swizzle = "BGR1"
            self._frame_texture.repeat_x = self._frame_texture.repeat_y = False
        sampling = moderngl.NEAREST if exact else moderngl.LINEAR
        self._frame_texture.filter = (sampling, sampling)
        self._frame_texture.write(np.ascontiguousarray(image))
        return self._frame_texture

    def _vertex_array(self, program: moderngl.Program) -> moderngl.VertexArray:
        sources = {
            "in_position": (self._positions, "3f"),
            "in_normal": (self._normals, "3f"),
            "in_diffuse": (self._diffuse, "3f"),
            "in_specular": (self._specular, "3f"),
            "in_occlusion": (self._occlusion, "1f"),
            "in_alpha": (self._alpha, "1f"),
        }
        content = [(buffer, form, name) for name, (buffer, form) in sources.items() if name in program]
        return self._ctx.vertex_array(program, content, index_buffer=self._triangles, index_element_size=4)


class _Layer:
    """A picture with depth that ends in a texture, by way of a multisampled one if `samples` > 1."""

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int], samples: int) -> None:
        self._ctx = ctx
        self.size = size
        self.texture = ctx.texture(size, 4)
        self.texture.repeat_x = self.texture.repeat_y = False
        self._color: moderngl.Renderbuffer | None = None
        self._resolved: moderngl.Framebuffer | None = None
        if samples > 1:
            self._depth = ctx.depth_renderbuffer(size, samples=samples)
            self._color = ctx.renderbuffer(size, 4, samples=samples)
            self._canvas = ctx.framebuffer([self._color], self._depth)
            self._resolved = ctx.framebuffer([self.texture])
        else:
            self._depth = ctx.depth_renderbuffer(size)
            self._canvas = ctx.framebuffer([self.texture], self._depth)

    def begin(self) -> None:
        """Clear and make this the target."""
        self._canvas.use()
        self._canvas.clear(0.0, 0.0, 0.0, 0.0)

    def resolve(self) -> None:
        """Make `texture` hold what was drawn."""
        if self._resolved is not None:
            self._ctx.copy_framebuffer(self._resolved, self._canvas)

    def release(self) -> None:
        for item in (self._canvas, self._resolved, self._color, self._depth, self.texture):
            if item is not None:
                item.release()


def _write(shader: moderngl.Program, name: str, values: NDArray) -> None:
    """Set an array or matrix uniform."""
    uniform = shader[name]
    assert isinstance(uniform, moderngl.Uniform)
    uniform.write(np.ascontiguousarray(values, np.float32))


def _is_software(ctx: moderngl.Context) -> bool:
    renderer = ctx.info["GL_RENDERER"].lower()
    return any(name in renderer for name in _SOFTWARE_RENDERERS)


def _program(ctx: moderngl.Context, vertex: str, fragment: str, geometry: str | None = None) -> moderngl.Program:
    return ctx.program(
        vertex_shader=load_shader(vertex),
        fragment_shader=load_shader(fragment),
        geometry_shader=None if geometry is None else load_shader(geometry),
    )
