"""Visible triangles by nvdiffrast (Laine et al. 2020), where there is an NVIDIA GPU and the package is installed.

It serves for visibility alone; all else is `training.render.renderer`'s. What is handed to nvdiffrast and what comes
back is tested with a stand-in for it; the package itself was not run, for want of a GPU.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether nvdiffrast can be imported; it works with CUDA alone."""
    return find_spec("nvdiffrast") is not None and torch.cuda.is_available()


def visible_triangles(pixels: Tensor, depth: Tensor, triangles: Tensor, size: int, context: Any = None) -> Tensor:
    """Return the visible triangle at every pixel centre, -1 where there is none; see
    `training.render.rasterizer.visible_triangles`.

    nvdiffrast draws back faces, so each picture gets a list of its own front faces. Its row 0 is the lowest clip-space
    y: y is passed on as it is, pointing down.

    Args:
        pixels: (B, V, 2) projected vertices, px. depth: (B, V), larger is nearer. triangles: (T, 3) int32.
        size: side of the pictures, px.
        context: what rasterises: nvdiffrast's CUDA context if left out.

    Returns:
        (B, size, size) int32.
    """
    count, vertices = depth.shape
    edge = pixels[:, triangles[:, 1:].long()] - pixels[:, triangles[:, :1].long()]  # (B, T, 2, 2)
    area = edge[..., 0, 0] * edge[..., 1, 1] - edge[..., 0, 1] * edge[..., 1, 0]
    picture, front = (area < 0).nonzero(as_tuple=True)  # (F,), by picture
    faces = (triangles[front] + vertices * picture[:, None]).int()  # (F, 3) into the batch's vertices
    length = torch.bincount(picture, minlength=count)
    ranges = torch.stack([length.cumsum(0) - length, length], dim=1).int().cpu()  # (B, 2) first and count
    reach = depth.abs().max().clamp(min=1e-6) * 1.01
    clip = torch.stack(
        [*(2.0 * pixels / size - 1.0).unbind(-1), -depth / reach, torch.ones_like(depth)], dim=-1
    ).flatten(0, 1)  # (B V, 4)
    found = (context or _Context()).rasterize(clip.float().contiguous(), faces, (size, size), ranges)
    number = found[..., 3].long()  # (B, S, S), 0 for none, else 1 + place in `faces`
    owner = torch.where(number > 0, front[(number - 1).clamp(min=0)] if len(front) else number, -1)
    return owner.int()


class _Context:
    """nvdiffrast's rasteriser; making its context takes long, so it is made once."""

    @staticmethod
    @lru_cache(maxsize=1)
    def _made() -> tuple[Any, Any]:
        import nvdiffrast.torch as package

        return package, package.RasterizeCudaContext()

    def rasterize(self, clip: Tensor, faces: Tensor, resolution: tuple[int, int], ranges: Tensor) -> Tensor:
        package, context = self._made()
        return package.rasterize(context, clip, faces, resolution, ranges=ranges, grad_db=False)[0]
