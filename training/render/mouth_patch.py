"""The projected inner-mouth patch A^p of Eq. 11: the share of each pixel that it covers, exact and differentiable."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel


class MouthPatch(nn.Module):
    """Coverage of the patch that closes the mouth opening (Fig. 1(c) of the paper).

    A triangle of the patch that is turned away from the camera is not seen and does not count. Which way it faces is
    the way that the mouth's curve faces there on the mean face, not its own: where the lips cross, a triangle is
    inside out and its area negative.

    Args:
        model: the face model.
        number: (model's V,) number of each vertex among those that are projected; as in the model if left out.
    """

    outward: Tensor
    triangles: Tensor

    def __init__(self, model: FaceModel, number: NDArray[np.int64] | None = None) -> None:
        super().__init__()
        triangles = model.inner_mouth_triangles.astype(np.int64)
        renumbered = triangles if number is None else number[triangles]
        self.register_buffer("triangles", torch.from_numpy(renumbered), persistent=False)
        self.register_buffer("outward", torch.from_numpy(_outward(model.mean[triangles])), persistent=False)

    def forward(self, pixels: Tensor, rotation: Tensor, size: int) -> Tensor:
        """Return the share of each pixel that the patch covers, (B, size, size); negative where the lips cross.

        Args:
            pixels: (B, V, 2) projected vertices in px of the picture.
            rotation: (B, 3, 3) of the head.
            size: side of the picture.
        """
        facing = (rotation[:, 2:] @ self.outward.T).squeeze(1) > 0.0  # (B, M)
        corners = pixels[:, self.triangles].flip(2)  # (B, M, 3, 2), with y down the front is clockwise
        return coverage(corners, facing, size)


def _outward(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return which way (M, 3) triangles (M, 3, 3) face: across the parabola z(x) that their corners lie along."""
    x, _, z = corners.reshape(-1, 3).T.astype(np.float64)
    slope = np.polynomial.Polynomial.fit(x, z, 2).deriv()(corners[:, :, 0].mean(axis=1))
    return np.stack([-slope, np.zeros_like(slope), np.ones_like(slope)], axis=1).astype(np.float32)


def coverage(corners: Tensor, counted: Tensor, size: int) -> Tensor:
    """Return the signed share of each pixel that triangles cover, summed; exact, by the area to the right of each edge.

    Args:
        corners: (B, M, 3, 2) px, y down; area is positive where they run from +x to +y (clockwise as seen).
        counted: (B, M) bool, triangles that count.
        size: side of the picture.
    Returns: (B, size, size).
    """
    device = corners.device
    return _Coverage.apply(corners.cpu(), counted.cpu(), size).to(device)


class _Coverage(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, corners: Tensor, counted: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(corners, counted)
        image = torch.zeros(len(corners), size, size, dtype=corners.dtype)
        _coverage_forward(corners.detach().contiguous().numpy(), counted.numpy(), image.numpy())
        return image

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        corners, counted = ctx.saved_tensors
        result = torch.zeros(corners.shape, dtype=corners.dtype)
        points = corners.detach().contiguous().numpy()
        _coverage_backward(points, counted.numpy(), gradient.contiguous().numpy(), result.numpy())
        return result, None, None


@numba.njit(cache=True)
def _next_crossing(position: float, step: float, size: int) -> float:
    """Return the share of an edge of `step` px that it takes from `position` to the picture's next grid line."""
    if step > 0.0 and position < size:
        return (max(np.floor(position) + 1.0, 0.0) - position) / step
    if step < 0.0 and position > 0.0:
        return (min(np.ceil(position) - 1.0, size) - position) / step
    return np.inf


@numba.njit(cache=True)
def _advance(ax: float, ay: float, dx: float, dy: float, t: float, size: int) -> tuple[float, int, int]:
    """Return where the piece of an edge (ax, ay) + t (dx, dy) that begins at t leaves its pixel; its column and row."""
    x, y = ax + t * dx, ay + t * dy
    end = min(t + max(min(_next_crossing(x, dx, size), _next_crossing(y, dy, size)), 1e-9), 1.0)
    middle = 0.5 * (t + end)
    return end, int(np.floor(ax + middle * dx)), int(np.floor(ay + middle * dy))


@numba.njit(cache=True)
def _coverage_forward(corners: NDArray, counted: NDArray, image: NDArray) -> None:
    """Add what lies to the right of an edge that runs up in each row, take away that of one that runs down."""
    size = image.shape[1]
    for n in range(corners.shape[0]):
        for m in range(corners.shape[1]):
            if not counted[n, m]:
                continue
            for i in range(3):
                j = (i + 1) % 3
                ax, ay = float(corners[n, m, i, 0]), float(corners[n, m, i, 1])
                dx, dy = corners[n, m, j, 0] - ax, corners[n, m, j, 1] - ay
                first, last = _inside(ay, dy, size)
                t = first
                while t < last:
                    end, column, row = _advance(ax, ay, dx, dy, t, size)
                    end = min(end, last)
                    fall = (end - t) * dy
                    if 0 <= row < size:
                        if column < 0:
                            image[n, row, 0] -= fall
                        elif column < size:
                            within = column + 1.0 - (ax + 0.5 * (t + end) * dx)
                            image[n, row, column] -= fall * within
                            if column + 1 < size:
                                image[n, row, column + 1] -= fall * (1.0 - within)
                    t = end
        for row in range(size):
            for column in range(1, size):
                image[n, row, column] += image[n, row, column - 1]


@numba.njit(cache=True)
def _coverage_backward(corners: NDArray, counted: NDArray, gradient: NDArray, result: NDArray) -> None:
    """Follow coverage back: a pixel's share grows as the piece of an edge in it moves along its outward normal."""
    size = gradient.shape[1]
    for n in range(corners.shape[0]):
        for m in range(corners.shape[1]):
            if not counted[n, m]:
                continue
            for i in range(3):
                j = (i + 1) % 3
                ax, ay = float(corners[n, m, i, 0]), float(corners[n, m, i, 1])
                dx, dy = corners[n, m, j, 0] - ax, corners[n, m, j, 1] - ay
                first, last = _inside(ay, dy, size)
                t, at_start, at_end = first, 0.0, 0.0
                while t < last:
                    end, column, row = _advance(ax, ay, dx, dy, t, size)
                    end = min(end, last)
                    if 0 <= row < size and 0 <= column < size:
                        g, along = float(gradient[n, row, column]), 0.5 * (end * end - t * t)
                        at_end += g * along
                        at_start += g * (end - t - along)
                    t = end
                result[n, m, i, 0] += at_start * dy
                result[n, m, i, 1] -= at_start * dx
                result[n, m, j, 0] += at_end * dy
                result[n, m, j, 1] -= at_end * dx


@numba.njit(cache=True)
def _inside(ay: float, dy: float, size: int) -> tuple[float, float]:
    """Return the first and last share of an edge between top and bottom of the picture; none if first >= last."""
    if dy == 0.0:
        return (0.0, 1.0) if 0.0 <= ay <= size else (1.0, 0.0)
    top, bottom = -ay / dy, (size - ay) / dy
    return max(min(top, bottom), 0.0), min(max(top, bottom), 1.0)
