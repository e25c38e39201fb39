"""Compiled operations on batches of meshes, with gradients: vertex normals, and interpolation at pixels.

Compiled on the CPU, where PyTorch's gather and scatter take ten times as long; in PyTorch on any other device. Both
say the same, and the tests compare them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.render.rasterizer import add_facets, cross, edges

_LEAST_AREA = 1e-6
"""Square px; a triangle of less passes no gradient to its corners' places."""


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Return area-weighted vertex normals, not yet of unit length.

    Args:
        vertices: (B, V, 3).
        triangles: (T, 3) int32.
    Returns: (B, V, 3); 0 at a vertex without triangles.
    """
    if vertices.device.type == "cpu":
        return _VertexNormals.apply(vertices, triangles)
    return vertex_normals_in_torch(vertices, triangles)


def interpolate(attributes: Tensor, pixels: Tensor, triangles: Tensor, seen: Tensor, places: Tensor) -> Tensor:
    """Return attributes at places of the picture, by barycentric coordinates in the triangle that is seen there.

    The gradient reaches the attributes, and the projected vertices through the coordinates. Exact under weak
    perspective.

    Args:
        attributes: (B, V, C).
        pixels: (B, V, 2) projected vertices, px.
        triangles: (T, 3) int32.
        seen: (B, K) int32 triangle at each place; below 0 for none.
        places: (B, K, 2) px; no gradient.
    Returns: (B, C, K), each attribute's numbers side by side for shading; 0 where no triangle is seen.
    """
    if attributes.device.type == "cpu":
        return _Interpolation.apply(attributes, pixels, triangles, seen, places)
    return interpolate_in_torch(attributes, pixels, triangles, seen, places)


def vertex_normals_in_torch(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Return `vertex_normals` by PyTorch alone."""
    a, b, c = (vertices[:, triangles[:, i].long()] for i in range(3))  # (B, T, 3)
    facets = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for i in range(3):
        normals = normals.index_add(1, triangles[:, i].long(), facets)
    return normals


def interpolate_in_torch(attributes: Tensor, pixels: Tensor, triangles: Tensor, seen: Tensor, places: Tensor) -> Tensor:
    """Return `interpolate` by PyTorch alone."""
    corners = triangles[seen.clamp(min=0).long()].long()  # (B, K, 3)
    batch = torch.arange(len(corners), device=corners.device)[:, None, None]
    a, b, c = pixels[batch, corners].unbind(2)  # (B, K, 2)
    area = _cross(b - a, c - a)
    area = torch.where(area.abs() < _LEAST_AREA, area.detach() - _LEAST_AREA, area)
    wb, wc = _cross(places - a, c - a) / area, _cross(b - a, places - a) / area
    weights = torch.stack([1.0 - wb - wc, wb, wc], dim=-1)  # (B, K, 3)
    mixed = (weights[..., None] * attributes[batch, corners]).sum(dim=2)  # (B, K, C)
    return torch.where(seen[..., None] >= 0, mixed, torch.zeros_like(mixed)).mT


def _cross(u: Tensor, v: Tensor) -> Tensor:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


class _VertexNormals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices: Tensor, triangles: Tensor) -> Tensor:
        ctx.save_for_backward(vertices, triangles)
        normals = torch.zeros(vertices.shape, dtype=vertices.dtype)
        _normals_forward(_array(vertices), _array(triangles), normals.numpy())
        return normals

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        vertices, triangles = ctx.saved_tensors
        result = torch.zeros(vertices.shape, dtype=vertices.dtype)
        _normals_backward(_array(vertices), _array(triangles), _array(gradient), result.numpy())
        return result, None


class _Interpolation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, pixels: Tensor, triangles: Tensor, seen: Tensor, places: Tensor
    ) -> Tensor:
        ctx.save_for_backward(attributes, pixels, triangles, seen, places)
        count, places_each = seen.shape
        result = torch.zeros(count, attributes.shape[2], places_each, dtype=attributes.dtype)
        _interpolation_forward(
            _array(attributes), _array(pixels), _array(triangles), _array(seen), _array(places), result.numpy()
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        attributes, pixels, triangles, seen, places = ctx.saved_tensors
        to_attributes = torch.zeros(attributes.shape, dtype=attributes.dtype)
        to_pixels = torch.zeros(pixels.shape, dtype=pixels.dtype)
        _interpolation_backward(
            _array(attributes),
            _array(pixels),
            _array(triangles),
            _array(seen),
            _array(places),
            _array(gradient),
            to_attributes.numpy(),
            to_pixels.numpy(),
        )
        return to_attributes, to_pixels, None, None, None


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().contiguous().numpy()


@numba.njit(cache=True)
def _normals_forward(vertices: NDArray, triangles: NDArray, normals: NDArray) -> None:
    for n in range(vertices.shape[0]):
        add_facets(vertices[n], triangles, normals[n])


@numba.njit(cache=True)
def _normals_backward(vertices: NDArray, triangles: NDArray, gradient: NDArray, result: NDArray) -> None:
    """Follow f = u x v with u = b - a and v = c - a back: the gradient by u is v x g, by v it is g x u."""
    for n in range(vertices.shape[0]):
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v = edges(vertices[n], a, b, c)
            gx = gradient[n, a, 0] + gradient[n, b, 0] + gradient[n, c, 0]
            gy = gradient[n, a, 1] + gradient[n, b, 1] + gradient[n, c, 1]
            gz = gradient[n, a, 2] + gradient[n, b, 2] + gradient[n, c, 2]
            by_u, by_v = cross(v, (gx, gy, gz)), cross((gx, gy, gz), u)
            for k in range(3):
                result[n, a, k] -= by_u[k] + by_v[k]
                result[n, b, k] += by_u[k]
                result[n, c, k] += by_v[k]


@numba.njit(cache=True)
def _place_in_triangle(
    pixels: NDArray, a: int, b: int, c: int, x: float, y: float
) -> tuple[float, float, float, float, float, bool, float, float]:
    """Find a place (x, y) in a triangle of projected vertices `pixels` (V, 2).

    Returns: Edges u = b - a and v = c - a, twice the area, whether that is next to nothing, and the weights of b and c.
    """
    ax, ay = pixels[a, 0], pixels[a, 1]
    ux, uy = pixels[b, 0] - ax, pixels[b, 1] - ay
    vx, vy = pixels[c, 0] - ax, pixels[c, 1] - ay
    px, py = x - ax, y - ay
    area = ux * vy - uy * vx
    degenerate = abs(area) < _LEAST_AREA
    if degenerate:
        area -= np.float32(_LEAST_AREA)
    return ux, uy, vx, vy, area, degenerate, (px * vy - py * vx) / area, (ux * py - uy * px) / area


@numba.njit(cache=True)
def _interpolation_forward(
    attributes: NDArray, pixels: NDArray, triangles: NDArray, seen: NDArray, places: NDArray, result: NDArray
) -> None:
    channels = attributes.shape[2]
    for n in range(seen.shape[0]):
        for k in range(seen.shape[1]):
            t = seen[n, k]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wb, wc = _place_in_triangle(pixels[n], a, b, c, places[n, k, 0], places[n, k, 1])[6:]
            wa = 1 - wb - wc
            for i in range(channels):
                result[n, i, k] = wa * attributes[n, a, i] + wb * attributes[n, b, i] + wc * attributes[n, c, i]


@numba.njit(cache=True)
def _interpolation_backward(
    attributes: NDArray,
    pixels: NDArray,
    triangles: NDArray,
    seen: NDArray,
    places: NDArray,
    gradient: NDArray,
    to_attributes: NDArray,
    to_pixels: NDArray,
) -> None:
    """Follow interpolation back: a corner that moves by d does what a place does that moves by -d times its weight."""
    channels = attributes.shape[2]
    for n in range(seen.shape[0]):
        for k in range(seen.shape[1]):
            t = seen[n, k]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x, y = places[n, k, 0], places[n, k, 1]
            ux, uy, vx, vy, area, degenerate, wb, wc = _place_in_triangle(pixels[n], a, b, c, x, y)
            wa = 1 - wb - wc
            along_b, along_c = wa * 0, wa * 0
            for i in range(channels):
                g = gradient[n, i, k]
                to_attributes[n, a, i] += wa * g
                to_attributes[n, b, i] += wb * g
                to_attributes[n, c, i] += wc * g
                along_b += g * (attributes[n, b, i] - attributes[n, a, i])
                along_c += g * (attributes[n, c, i] - attributes[n, a, i])
            if degenerate:
                continue
            gx = (along_b * vy - along_c * uy) / area
            gy = (along_c * ux - along_b * vx) / area
            to_pixels[n, a, 0] -= wa * gx
            to_pixels[n, a, 1] -= wa * gy
            to_pixels[n, b, 0] -= wb * gx
            to_pixels[n, b, 1] -= wb * gy
            to_pixels[n, c, 0] -= wc * gx
            to_pixels[n, c, 1] -= wc * gy
