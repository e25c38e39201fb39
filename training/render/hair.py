"""Hair, lashes and brows over a rendered face, by the CPU rasteriser: strands are blended from far to near."""

from __future__ import annotations

import numba
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.camera import project
from facemodel.hair import Hair, WornHair
from facemodel.hair_shading import HairLook, shade_hair
from training.render.rasterizer import Light, vertex_normals

_LEVELS = 6
_FAINTEST = 0.02


class DrawnHair:
    """One style on one face model, ready to be drawn.

    Args:
        worn: the style on the model.
    """

    def __init__(self, worn: WornHair) -> None:
        self._worn = worn
        levels = [worn.texture.astype(np.float32) / np.float32(255.0)]
        for _ in range(_LEVELS - 1):
            fine = levels[-1]
            levels.append(0.25 * (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]))
        self._pyramid = np.concatenate([level.reshape(-1, 2) for level in levels])
        self.cover = worn.cover
        self.color_scalp = worn.color_scalp

    def draw(
        self,
        picture: NDArray[np.float32],
        depth: NDArray[np.float32],
        face_vertices: NDArray,
        pose: tuple[NDArray, NDArray, float],
        light: Light,
        look: HairLook,
    ) -> NDArray[np.float32]:
        """Draw the hair over a picture, in place.

        Args:
            picture: (H, W, 4) linear RGB times alpha, and alpha; (H, W, 3) for a picture without gaps.
            depth: (H, W) mm of the face towards the camera, -inf where there is none.
            face_vertices: (V, 3) mm in model space.
            pose: rotation (3, 3), translation (2,) px and scale px/mm; see `facemodel.camera.project`.
            light: as for the face.
            look: colour and shine.
        Returns: (H, W) how much of each pixel is hair, 0..1.
        """
        worn, (rotation, translation, scale) = self._worn, pose
        vertices = worn.vertices(face_vertices)
        posed = vertices @ np.asarray(rotation, np.float32).T
        normals, tangents = vertex_normals(posed, worn.triangles), worn.tangents(posed)
        normals *= np.where((normals * posed).sum(axis=1, keepdims=True) < 0.0, np.float32(-1.0), np.float32(1.0))
        colors = shade_hair(
            look, posed, normals, tangents, worn.uv[:, 1], light.sh, light.key_position, light.key_color
        )
        pixels = project(vertices, rotation, translation, scale)
        order = np.argsort(posed[worn.triangles, 2].sum(axis=1), kind="stable")
        hair = np.zeros(picture.shape[:2], np.float32)
        _blend(
            picture,
            hair,
            np.asarray(depth, np.float32),
            np.ascontiguousarray(worn.triangles[order]),
            np.ascontiguousarray(pixels, np.float64),
            np.ascontiguousarray(posed[:, 2], np.float32),
            worn.uv,
            colors,
            self._pyramid,
            np.array(worn.texture.shape[:2]),
        )
        return hair


class HairStyles:
    """Hair on one face model, each style made ready when it is first drawn.

    Args:
        model: the face model; one with another skin layout than the hair's wears none.
        hair: styles, lashes and brows.
    """

    def __init__(self, model: FaceModel, hair: Hair) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        if hair.fits(model):
            self._names = {"style": hair.style_names, "lashes": hair.lash_names, "brows": hair.brow_names}
        self._hair, self._model = hair, model
        self._drawn: dict[str, DrawnHair] = {}

    def pick(self, rng: Generator, kind: str) -> DrawnHair | None:
        """Return a random `style`, set of `lashes` or pair of `brows`; None where the model can wear none."""
        names = self._names.get(kind)
        if not names:
            return None
        name = names[rng.integers(len(names))]
        if name not in self._drawn:
            self._drawn[name] = DrawnHair(self._hair.worn_by(self._model, name))
        return self._drawn[name]


def draw_style(
    image: NDArray[np.float32],
    rng: Generator,  # noqa: ARG001 (what draws on a canvas is given one)
    style: DrawnHair,
    depth: NDArray[np.float32],
    face_vertices: NDArray,
    pose: tuple[NDArray, NDArray, float],
    light: Light,
    look: HairLook,
) -> NDArray[np.float32]:
    """Draw a style on an image (S, S, 3) in place; arguments and result as `DrawnHair.draw`."""
    return style.draw(image, depth, face_vertices, pose, light, look)


@numba.njit(cache=True)
def _blend(
    picture: NDArray,
    hair: NDArray,
    depth: NDArray,
    triangles: NDArray,
    pixels: NDArray,
    heights: NDArray,
    uv: NDArray,
    colors: NDArray,
    pyramid: NDArray,
    size: NDArray,
) -> None:
    height, width, channels = picture.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        left = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        if left > right or top > bottom or abs(area) < 1e-9:
            continue
        ub, vb, uc, vc = uv[b, 0] - uv[a, 0], uv[b, 1] - uv[a, 1], uv[c, 0] - uv[a, 0], uv[c, 1] - uv[a, 1]
        scale = 1.0 / area
        texels = abs(ub * vc - uc * vb) * size[0] * size[1] / abs(area)  # texels in a pixel
        level, start, rows, columns = 0, 0, size[0], size[1]
        while texels > 2.5 and level < _LEVELS - 1:
            start += rows * columns
            rows, columns, texels, level = rows // 2, columns // 2, texels / 4.0, level + 1
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * scale
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * scale
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                if wa * heights[a] + wb * heights[b] + wc * heights[c] < depth[row, column]:
                    continue
                u = (uv[a, 0] + wb * ub + wc * uc) * columns - 0.5
                v = min(max((uv[a, 1] + wb * vb + wc * vc) * rows - 0.5, 0.0), rows - 1.001)
                u0, v0 = int(np.floor(u)), int(v)
                fu, fv = u - u0, v - v0
                left_texel, right_texel = start + v0 * columns + u0 % columns, start + v0 * columns + (u0 + 1) % columns
                cover, bright = 0.0, 0.0
                for texel, share in (
                    (left_texel, (1.0 - fu) * (1.0 - fv)),
                    (right_texel, fu * (1.0 - fv)),
                    (left_texel + columns, (1.0 - fu) * fv),
                    (right_texel + columns, fu * fv),
                ):
                    cover += share * pyramid[texel, 0]
                    bright += share * pyramid[texel, 1]
                if cover < _FAINTEST:
                    continue
                for k in range(3):
                    lit = 2.0 * bright * (wa * colors[a, k] + wb * colors[b, k] + wc * colors[c, k])
                    h = k + 3
                    lit += 4.0 * bright * bright * (wa * colors[a, h] + wb * colors[b, h] + wc * colors[c, h])
                    picture[row, column, k] += cover * (lit - picture[row, column, k])
                if channels == 4:
                    picture[row, column, 3] += cover * (1.0 - picture[row, column, 3])
                hair[row, column] += cover * (1.0 - hair[row, column])
