"""The pass of the frame in a new light."""

from __future__ import annotations

import math
from typing import NamedTuple

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters
from facemodel.lighting import shade_diffuse, shade_lamps
from facemodel.relighting import OLD_FLOOR, log_ratio
from realtime.light.lighting import FaceLight, Relight
from realtime.matte.person_matte import Matte
from realtime.render.geometry import face_alpha, middle_of_face
from realtime.render.gl import is_software, make_program, write_uniform
from realtime.render.light_uniforms import LightUniforms
from realtime.render.mesh import REGION_BITS, Mesh, region_bits, set_pose
from realtime.render.options import Viewport
from realtime.render.passes.face import LAMP_COUNTS
from realtime.render.tiles import EVERYWHERE, TileProgram, bounds_of, rectangles_of

_FILL_REDUCTION = 8
"""Of the frame's size, on each side, for what is carried outwards."""

_MISSED = 0.3
"""Mean of a matte over a face, below which it does not see the person: a drawing, for example."""

_INNER_BITS = sum(REGION_BITS[name] for name in ("eyes", "teeth", "tongue", "mouth_lining"))
_RIM_MM = 6.0
_MIDDLE_MM = 40.0
_CUT_MM = 45.0
_HAIRLINE_MM = 12.0
_THINNED = 3

_RESIDUE_MM = 6.0
"""Light that the estimate has not is smoother than this: 4 % of a face."""

_OTHER_LIGHT = 0.3
"""Root mean square of the log ratio from which on a light is quite another."""


class _Difference(NamedTuple):
    """Two lights compared on all sides of a face: floor of the old one, mean log ratio, how far they differ, 0..1."""

    least: NDArray[np.floating]  # (3,)
    mean_ratio: NDArray[np.floating]  # (3,)
    share: float


class RelightPass:
    """Draws the frame as if other lights had shone on the people in it.

    For a frame: `begin`, `add_face` for each face while the mesh has its shape, or `add_away`, `draw`. What a head's
    surface makes lies in half-float targets smaller than the frame; it is carried over hair, neck and shoulders at an
    eighth of the frame's size; one pass over the tiles that persons reach, or over all of them, multiplies the frame.
    """

    def __init__(self, ctx: moderngl.Context, mesh: Mesh, model: FaceModel, reduction: int | None = None) -> None:
        """
        Args:
            ctx: current on this thread.
            mesh: of the heads.
            model: the mesh's.
            reduction: of the frame's size, on each side, for what the head's surface makes; 2 if None, or 4 where
                OpenGL runs on the CPU.
        """
        self._ctx = ctx
        self._reduction = reduction or (4 if is_software(ctx) else 2)
        self._face_shaders: dict[int, tuple[moderngl.Program, moderngl.VertexArray]] = {}  # by the number of lamps
        self._reduce_program = make_program(ctx, "screen.vert", "relight_reduce.frag")
        self._fill_program = make_program(ctx, "screen.vert", "relight_fill.frag")
        self._join_program = make_program(ctx, "screen.vert", "relight_join.frag")
        self._relit, self._untouched = TileProgram(ctx, "relight.frag"), TileProgram(ctx, "frame.frag")
        _number_samplers(self._reduce_program, ("ratio", "residue"))
        _number_samplers(self._fill_program, ("small_ratio", "small_residue"))
        _number_samplers(self._join_program, ("ratio", "addition", "filled", "evenness"))
        _number_samplers(self._relit.program, ("frame", "value", "added", "lines"))
        self._parts = ctx.buffer(skin_parts(model).tobytes())
        self._mesh = mesh
        self._screens = {
            program: ctx.vertex_array(program, [])
            for program in (self._reduce_program, self._fill_program, self._join_program)
        }
        self._targets: _Targets | None = None
        self._matte: Matte | None = None
        self._lines: moderngl.Texture | None = None
        self._missed = False
        self._frame_size = (0, 0)
        self._mean_ratio: NDArray[np.floating] = np.zeros(3)
        self._share = self._scale = 0.0
        self._faces = 0

    def begin(self, frame: moderngl.Texture, matte: Matte | None, lines: moderngl.Texture | None) -> None:
        """Begin a picture.

        Args:
            frame: RGB as the camera encoded it, row 0 at the top.
            matte: of the frame; without it only the heads are relit, and so are those that it does not see.
            lines: of the matte, which is not read without it.
        """
        self._frame, self._matte, self._lines, self._missed = frame, matte, lines, False
        self._frame_size = frame.size
        if self._targets is None or self._targets.frame_size != frame.size:
            if self._targets is not None:
                self._targets.release()
            self._targets = _Targets(self._ctx, frame.size, self._reduction)
        self._targets.surface.use()
        self._targets.surface.clear(0.0, 0.0, 0.0, 0.0)
        self._faces = 0

    def add_face(self, face: Parameters, old: FaceLight, new: FaceLight, light: LightUniforms, radius: float) -> None:
        """Relight a head; the mesh has its shape and albedo, and the shadows of the new light.

        Args:
            face: in frame pixels.
            old: light that it stands in.
            new: light that it is to stand in.
            light: the same for shaders.
            radius: mm, no vertex is farther from the head centre.
        """
        assert self._targets is not None
        difference = _compare(old, new)
        if self._faces == 0:
            self._mean_ratio, self._share = difference.mean_ratio, difference.share
            self._scale = float(face.scale)
        self._faces += 1
        self._missed |= self._matte is not None and _seen_part(self._matte, face, self._frame_size) < _MISSED
        lamps = next(n for n in LAMP_COUNTS if n >= len(light.lamps))
        if lamps not in self._face_shaders:
            self._face_shaders[lamps] = self._make_face_shader(lamps)
        program, mesh = self._face_shaders[lamps]
        light.write(program)
        program["shininess"] = new.shininess
        write_uniform(program, "old_sh", old.sh)
        program["old_key_position"] = tuple(old.key_position.tolist())
        program["old_key_color"] = tuple(old.key_color.tolist())
        program["old_shininess"] = old.shininess
        program["old_least"] = tuple(difference.least.tolist())
        program["mean_ratio"] = tuple(difference.mean_ratio.tolist())
        program["texel"] = tuple(1.0 / side for side in self._targets.surface.size)
        set_pose(program, face, self._frame_size, radius)
        self._targets.surface.use()
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._frame.use(0)
        mesh.render(moderngl.TRIANGLES)

    def add_away(self, old: FaceLight, new: FaceLight) -> None:
        """Relight persons in whom no face is seen: evenly, as the mean of a face that stood in their light.

        Args:
            old, new: as of `add_face`.
        """
        self._mean_ratio, self._share = _compare(old, new).mean_ratio, 0.0

    def draw(
        self,
        target: moderngl.Framebuffer,
        rectangle: Viewport,
        relight: Relight,
        mirror: bool,
    ) -> None:
        """Draw the picture.

        Args:
            target: to draw into.
            rectangle: of the target, that the whole frame covers.
            relight: how.
            mirror: flip left and right.
        """
        targets, matte = self._targets, self._matte
        assert targets is not None
        self._ctx.enable_only(moderngl.NOTHING)
        tiles = self._persons(relight)
        persons, others = rectangles_of(tiles), rectangles_of(~tiles)
        seen = bounds_of(persons)
        self._render(self._reduce_program, targets.reduced, (targets.ratio, targets.residue))
        residue_level = max(0.0, math.log2(max(_RESIDUE_MM * self._scale, 1e-3) / _FILL_REDUCTION))
        targets.small_ratio.build_mipmaps()
        targets.small_residue.build_mipmaps(max_level=math.ceil(residue_level))
        self._fill_program["residue_level"] = residue_level
        self._fill_program["levels"] = targets.levels
        self._fill_program["away"] = tuple(self._mean_ratio.tolist())
        self._render(self._fill_program, targets.fill, (targets.small_ratio, targets.small_residue), seen)

        self._join_program["strength"] = relight.strength
        self._join_program["even"] = relight.even * self._share
        self._render(
            self._join_program,
            targets.joined,
            (targets.ratio, targets.addition, targets.filled, targets.evenness),
            seen,
        )

        program = self._relit.program
        program["mirror"] = self._untouched.program["mirror"] = mirror
        program["has_matte"], program["missed"] = matte is not None, self._missed
        follows = relight.strength * relight.dim if relight.background == "dim" else 0.0
        program["background"] = tuple(np.exp(follows * self._mean_ratio).tolist())
        replaced = relight.strength if relight.background == "replace" and matte is not None else 0.0
        program["backdrop"] = (*relight.backdrop, replaced)
        target.use()
        self._ctx.viewport = rectangle
        textures = [self._frame, targets.value, targets.added]
        if matte is not None and self._lines is not None:
            textures.append(self._lines)
        for unit, texture in enumerate(textures):
            texture.use(unit)
        self._relit.draw(persons)
        self._untouched.draw(others)

    def release(self) -> None:
        """Free the OpenGL objects."""
        for program, array in self._face_shaders.values():
            array.release()
            program.release()
        for item in (
            *self._screens.values(), self._parts, self._reduce_program,
            self._fill_program, self._join_program, self._relit, self._untouched, self._targets,
        ):  # fmt: skip
            if item is not None:
                item.release()
        self._targets = None

    def _persons(self, relight: Relight) -> NDArray[np.bool_]:
        """Return the tiles of the frame that relighting changes."""
        matte = self._matte
        return EVERYWHERE if matte is None or self._missed or relight.background != "keep" else matte.tiles

    def _make_face_shader(self, lamps: int) -> tuple[moderngl.Program, moderngl.VertexArray]:
        defines = [f"LAMPS {lamps}"] if lamps else []
        program = make_program(self._ctx, "relight_face.vert", "relight_face.frag", defines=defines)
        return program, self._mesh.vertex_array(program, (self._parts, "3f", "in_parts"))

    def _render(
        self,
        program: moderngl.Program,
        target: moderngl.Framebuffer,
        textures: tuple[moderngl.Texture, ...],
        part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    ) -> None:
        """Run a program on all of a target that is needed for a part of the frame, left, bottom, right, top, 0..1."""
        width, height = target.size
        x0, y0 = max(int(part[0] * width) - 1, 0), max(int(part[1] * height) - 1, 0)
        x1, y1 = min(math.ceil(part[2] * width) + 1, width), min(math.ceil(part[3] * height) + 1, height)
        target.use()
        self._ctx.scissor = (x0, y0, x1 - x0, y1 - y0)
        program["mirror"] = False
        for unit, texture in enumerate(textures):
            texture.use(unit)
        self._screens[program].render(moderngl.TRIANGLES, vertices=3)
        self._ctx.scissor = None


class _Targets:
    """What is drawn to on the way, for frames of one size."""

    def __init__(self, ctx: moderngl.Context, frame_size: tuple[int, int], reduction: int) -> None:
        self.frame_size = frame_size
        width, height = frame_size
        size = -(-width // reduction), -(-height // reduction)
        small = -(-width // _FILL_REDUCTION), -(-height // _FILL_REDUCTION)
        self.levels = max(small).bit_length()
        self.ratio, self.addition, self.residue = (_float_texture(ctx, size) for _ in range(3))
        self.value, self.added = (_float_texture(ctx, size) for _ in range(2))
        self.small_ratio, self.small_residue = (_float_texture(ctx, small) for _ in range(2))
        self.filled, self.evenness = (_float_texture(ctx, small) for _ in range(2))
        for texture in (self.small_ratio, self.small_residue):
            texture.build_mipmaps()
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self._depth = ctx.depth_renderbuffer(size)
        self.surface = ctx.framebuffer([self.ratio, self.addition, self.residue], self._depth)
        self.reduced = ctx.framebuffer([self.small_ratio, self.small_residue])
        self.fill = ctx.framebuffer([self.filled, self.evenness])
        self.joined = ctx.framebuffer([self.value, self.added])

    def release(self) -> None:
        for item in (
            self.surface, self.reduced, self.fill, self.joined, self._depth, self.ratio, self.addition, self.residue,
            self.small_ratio, self.small_residue, self.filled, self.evenness, self.value, self.added,
        ):  # fmt: skip
            item.release()


def _float_texture(ctx: moderngl.Context, size: tuple[int, int]) -> moderngl.Texture:
    texture = ctx.texture(size, 4, dtype="f2")
    texture.repeat_x = texture.repeat_y = False
    return texture


def _number_samplers(program: moderngl.Program, names: tuple[str, ...]) -> None:
    for unit, name in enumerate(names):
        program[name] = unit


def _seen_part(matte: Matte, face: Parameters, frame_size: tuple[int, int]) -> float:
    """Return the mean of a matte over the middle of a face; 1 where that lies outside the frame."""
    part = matte.coverage[middle_of_face(face, frame_size, matte.coverage.shape, _MIDDLE_MM)]
    return float(part.mean()) if part.size else 1.0


def skin_parts(model: FaceModel) -> NDArray[np.float32]:
    """Return how far each vertex is no bare skin, (V, 3).

    First eyes and mouth, falling off over lids and lips, where the mesh lies never so well that its edges would be the
    picture's, and the lower end of the neck, which is cut off there and is no shoulder; then the scalp, rising by
    degrees above the eyes to the border of the face, since the hairline is none of the mesh's edges; then the eyeballs.
    """
    bits = region_bits(model)
    alpha = face_alpha(model, _HAIRLINE_MM)
    inside = (bits & _INNER_BITS) != 0
    gaps = model.mean[:, None] - model.mean[inside][None, ::_THINNED]  # (V, I, 3)
    distance = np.sqrt((gaps * gaps).sum(axis=-1).min(axis=1)) if inside.any() else np.full(model.n_vertices, np.inf)
    inner = np.where(inside, 1.0, np.clip(1.0 - distance / _RIM_MM, 0.0, 1.0))
    neck = (bits & REGION_BITS["neck"]) != 0
    cut = np.clip(1.0 - (model.mean[:, 1] - model.mean[:, 1].min()) / _CUT_MM, 0.0, 1.0)
    inner = np.maximum(inner, np.where(neck, cut, 0.0))
    scalp, others = (bits & REGION_BITS["scalp"]) != 0, (bits & (REGION_BITS["ears"] | REGION_BITS["neck"])) != 0
    height = np.clip((model.mean[:, 1] + 10.0) / 40.0, 0.0, 1.0)
    hair = np.where(scalp, 1.0, np.where(others, 0.0, height * (1.0 - alpha)))
    eyes = (bits & REGION_BITS["eyes"]) != 0
    return np.stack([inner, hair, eyes], axis=-1).astype(np.float32)


def _facing(count: int) -> NDArray[np.float64]:
    """Return (count, 3) directions spread evenly over the half sphere that the camera sees, as it shows them."""
    index = np.arange(count) + 0.5
    radius, turn = np.sqrt(index / count), np.pi * (1.0 + 5.0**0.5) * index
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1.0 - radius**2)], axis=-1)


_NORMALS = _facing(48)
_POINTS = 80.0 * _NORMALS
"""mm: a ball for a head."""


def _compare(old: FaceLight, new: FaceLight) -> _Difference:
    white = np.ones_like(_NORMALS)
    before = shade_diffuse(white, _NORMALS, old.sh)  # (N, 3)
    after = shade_diffuse(white, _NORMALS, new.sh)
    after += shade_lamps(white, white, _POINTS, _NORMALS, new.lights, new.shininess)[0]
    after *= new.diffuse * 2.0**new.tone
    least = OLD_FLOOR * before.mean(axis=0)
    ratios = log_ratio(after, before, least)
    mean_ratio = log_ratio(after.mean(axis=0), before.mean(axis=0), least)
    differs = math.sqrt(float(np.mean(ratios * ratios)))
    return _Difference(least, mean_ratio, min(differs / _OTHER_LIGHT, 1.0))
