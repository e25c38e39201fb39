"""Close-ups: upright squares of the face, cut out of the crop inside the graph, and small networks that look at them.

A trunk that sees the whole crop at once learns slowly what a few pixels say. As in Grishchenko et al., "Attention
Mesh: High-fidelity Face Mesh Prediction in Real-time" (2020), a first estimate of the pose places squares over
regions of the head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE, ParameterLayout
from training.networks.decoder import orthonormal, unit
from training.networks.lite0 import normalised_colors


@dataclass(frozen=True)
class Region:
    """A square on the head, upright with it, facing the camera.

    Attributes:
        centre: point of the mean face that it is centred on, mm.
        side: mm.
        cells: side of the close-up, px.
        mirrored: the close-up shows it in a mirror.
    """

    centre: tuple[float, float, float]
    side: float
    cells: int
    mirrored: bool = False


def pose_span(layout: ParameterLayout) -> slice:
    """Return where rotation, translation and scale, which place the regions, stand in the parameter vector."""
    return slice(layout.slices["rotation"].start, layout.slices["scale"].stop)


def jittered_pose(pose: Tensor, turn: float = 0.05, shift: float = 3.0, zoom: float = 0.05) -> Tensor:
    """Return poses (B, 9) with errors such as a trunk makes: some small, a few large.

    Args:
        pose: rotation (6-D), translation, scale.
        turn: typical error of each number of the rotation, about radians.
        shift: of the translation, px.
        zoom: of the scale, natural logarithm.
    """
    noise = torch.randn_like(pose) * (0.3 + 2.1 * torch.rand_like(pose[:, :1]).square())  # (B, 9)
    rotation = orthonormal(pose[:, :6] + turn * noise[:, :6])
    return torch.cat([rotation, pose[:, 6:8] + shift * noise[:, 6:8], pose[:, 8:] * (zoom * noise[:, 8:]).exp()], dim=1)


_Result = TypeVar("_Result")


def in_full_precision(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Let a function compute in 32 bits under mixed precision too: bfloat16 has quarters of a pixel for places."""

    @wraps(function)
    def exact(*args: object) -> _Result:
        device = next(arg.device.type for arg in args if isinstance(arg, Tensor))
        if not torch.is_autocast_enabled(device):
            return function(*args)
        with torch.autocast(device, enabled=False):
            return function(*(a.float() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args))

    return exact


@in_full_precision
def region_matrices(regions: Sequence[Region], pose: Tensor) -> Tensor:
    """Return similarities (B, K, 2, 3) from the close-ups' coordinates (-1..1, right and down) to crop pixels.

    Args:
        regions: K places on the head.
        pose: (B, 9) rotation (6-D, orthonormal), translation (px) and scale (px/mm) of the head.
    """
    six, scale = pose[:, :6], pose[:, 8:]
    products = six[:, [1, 2, 2, 0]] * six[:, [5, 4, 3, 5]]  # (B, 4) of the cross product, whose x and y are differences
    up = unit(six[:, 3:5])  # (B, 2) the head's up axis in the picture, y up
    turned, moved = (pose.new_tensor(array) for array in _placing(regions))
    placed = torch.cat([six, products, up], dim=1) @ turned * scale + pose @ moved  # (B, 6 K)
    return placed.reshape(-1, len(regions), 2, 3)


def _placing(regions: Sequence[Region]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how `region_matrices` depend on the pose, written as products: every step costs a runtime as much.

    Returns: (12, 6 K), of the rotation's six numbers, the four products of its third axis and the axis that points up,
        which the scale enlarges; (9, 6 K), of the pose.
    """
    turned, moved = np.zeros((12, len(regions), 2, 3), np.float32), np.zeros((9, len(regions), 2, 3), np.float32)
    for k, region in enumerate(regions):
        across, beyond, front = region.centre
        half, half_width = 0.5 * region.side, 0.5 * region.side * (-1.0 if region.mirrored else 1.0)
        turned[[0, 3, 6, 7], k, 0, 2] = across, beyond, front, -front
        turned[[1, 4, 8, 9], k, 1, 2] = -across, -beyond, -front, front
        turned[11, k, 0, 0] = turned[10, k, 1, 0] = half_width
        turned[10, k, 0, 1], turned[11, k, 1, 1] = -half, half
        moved[6, k, 0, 2] = moved[7, k, 1, 2] = 1.0
    return turned.reshape(12, -1), moved.reshape(9, -1)


def region_matrix(region: Region, pose: Tensor) -> Tensor:
    """Return `region_matrices` of one region (B, 2, 3)."""
    return region_matrices([region], pose)[:, 0]


@in_full_precision
def close_ups(crop: Tensor, regions: Sequence[Region], matrices: Tensor) -> list[Tensor]:
    """Return every region (B, 3, N, N) of crops, N = region.cells, normalised; outside the crop its border goes on.

    What `grid_sample` computes of `normalised` crops, of all regions at once and in a third of its time: four
    neighbouring pixels are gathered as one row of bytes, and everything else runs along the samples.

    Args:
        crop: (B, R, R, 3) uint8 RGB, R even.
        regions: K places on the head.
        matrices: (B, K, 2, 3) of `region_matrices`.
    """
    side = int(crop.shape[2])  # a number, which an exported graph does not work out
    grids = [_grid(region.cells, matrices) * (side / CROP_SIZE) for region in regions]  # (3, N * N) each
    where = torch.cat([matrices[:, k] @ grid for k, grid in enumerate(grids)], dim=2)  # (B, 2, M)
    first, beyond = _pixels(where, side)  # (B, 2, M)
    across, below = beyond.split(1, dim=1)  # (B, 1, M)
    half = side * side // 2
    column, row = first[:, 0], first[:, 1]  # (B, M)
    at = row * (side // 2) + column * half - (0.5 * column).floor() * (2 * half - 1)  # of the pixel in `_neighbours`
    rows = _in_list(at[:, None], crop, side)[:, 0]  # (B, M)
    found = functional.embedding(rows, _neighbours(crop)).transpose(1, 2)  # (B, 12, M)
    upper, lower = found.float().split([6, 6], dim=1)
    left, right = (upper + (lower - upper) * below).split([3, 3], dim=1)
    colors = normalised_colors(left + (right - left) * across)  # (B, 3, M)
    squares = colors.split([region.cells**2 for region in regions], dim=2)
    return [square.reshape(-1, 3, region.cells, region.cells) for square, region in zip(squares, regions, strict=True)]


def _neighbours(crop: Tensor) -> Tensor:
    """Return every pixel of crops (B, R, R, 3) with those on its right, below, and below that: (B * R * R, 12).

    A crop's pixels in even columns come first, then those in odd ones: from either kind on, two pixels are six bytes on
    end, so that nothing is copied pixel by pixel. Of the last column and row, neighbours are anything.
    """
    side = int(crop.shape[2])
    flat = crop.reshape(-1, 3 * side * side)
    pairs = torch.cat([flat, flat[:, 3:], flat[:, :3]], dim=1).reshape(-1, side * side, 6)
    below = torch.cat([pairs[:, side // 2 :], pairs[:, : side // 2]], dim=1)
    return torch.cat([pairs, below], dim=2).reshape(-1, 12)


def close_up(crop: Tensor, region: Region, matrix: Tensor) -> Tensor:
    """Return `close_ups` of one region (B, 3, N, N), placed by a matrix (B, 2, 3)."""
    return close_ups(crop, [region], matrix[:, None])[0]


def _grid(cells: int, like: Tensor) -> Tensor:
    """Return the middles of the cells of a close-up, row by row: x, y from -1 to 1, and 1 (3, N * N)."""
    steps = (torch.arange(cells, dtype=like.dtype, device=like.device) + 0.5) * (2.0 / cells) - 1.0
    grid_y, grid_x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([grid_x, grid_y, torch.ones_like(grid_x)]).flatten(1)


def _pixels(where: Tensor, side: int | Tensor) -> tuple[Tensor, Tensor]:
    """Return column and row of the top-left one of the four pixels that bilinear sampling mixes, whole numbers, and how
    far the point lies from it to the right and down, from 0 to 1; (B, ..., 2, N) both.

    Args:
        where: (B, ..., 2, N) px, (0, 0) the outer corner of the top-left pixel.
        side: of the square pictures, px; at least 2; one, or one for each (..., 1, 1).
    """
    where = _at_most(where - 0.5, side - 1.0)
    first = _at_most(where.detach().floor(), side - 2.0)
    return first, where - first


def _at_most(values: Tensor, most: float | Tensor) -> Tensor:
    """Return values cut off below 0 and above `most`."""
    return torch.minimum(values.clamp(min=0.0), most) if isinstance(most, Tensor) else values.clamp(0.0, most)


def _in_list(pixel: Tensor, pictures: Tensor, side: Tensor | int) -> Tensor:
    """Return where pixels of L squares of a side each (L, 1) stand in the list of all pixels of their like, (B, L, N).

    B is that of `pictures`, since exported graphs take that of a reshaped tensor for a constant.
    """
    picture = torch.arange(pictures.shape[0], dtype=torch.int32, device=pixel.device)[:, None, None]
    return picture * (side * side) + pixel.to(torch.int32)


@in_full_precision
def sampled(points: Tensor, *maps: Tensor) -> Tensor:
    """Return the features of all maps side by side (B, N, C) under points (B, N, 2) from -1 to 1; the border goes on.

    What `grid_sample` computes, by rows that runtimes gather whole: a tenth of its time for a few hundred points.

    Args:
        points: right and down.
        maps: L of them, (B, C, R, R) each, of any resolution R.
    """
    sides = [int(features.shape[3]) for features in maps]
    side = points.new_tensor(sides)[:, None, None]  # (L, 1, 1)
    first, beyond = _pixels((points.transpose(1, 2)[:, None] + 1.0) * (0.5 * side), side)  # (B, L, 2, N)
    corner = first[:, :, 1] * side[:, 0] + first[:, :, 0]  # (B, L, N)
    corners = _in_list(corner, maps[0], side[:, 0].to(torch.int32))
    near = points.new_tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])[..., None]  # (2, 4, 1)
    shares = near + beyond[:, :, :, None] * (1.0 - 2.0 * near)  # (B, L, 2, 4, N) 1 - beyond, or beyond
    shares = shares[:, :, 0] * shares[:, :, 1]  # (B, L, 4, N)
    found = []
    for k, (features, n) in enumerate(zip(maps, sides, strict=True)):
        rows = features.permute(0, 2, 3, 1).reshape(-1, int(features.shape[1]))  # (B R R, C)
        around = corners[:, k : k + 1] + corners.new_tensor([[0], [1], [n], [n + 1]])  # (B, 4, N)
        parts = functional.embedding(around, rows) * shares[:, k, ..., None]  # (B, 4, N, C)
        both = parts[:, :2] + parts[:, 2:]  # added by hand, which runtimes do in a third of the time of a sum
        found.append(both[:, 0] + both[:, 1])
    return torch.cat(found, dim=2)


@in_full_precision
def to_crop(points: Tensor, matrix: Tensor) -> Tensor:
    """Return points (B, N, 2) of a close-up (-1..1) in crop pixels."""
    return points @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]


@in_full_precision
def to_close_up(points: Tensor, matrix: Tensor) -> Tensor:
    """Return points (B, N, 2) in crop pixels as those of a close-up (-1..1): the inverse of `to_crop`."""
    return torch.linalg.solve(matrix[:, None, :, :2], (points - matrix[:, None, :, 2])[..., None]).squeeze(-1)


@in_full_precision
def spread_in_crop(outputs: Tensor, pose: Tensor) -> Tensor:
    """Return spreads (B, N) in crop px of their natural logarithms in mm, at the scale of a pose (B, 9)."""
    return outputs.clamp(-4.0, 4.0).exp() * pose[:, 8:].detach()


def standardised(pose: Tensor) -> Tensor:
    """Return the pose (B, 9) as numbers of about 1."""
    size, at_rest = [2.0] * 6 + [10.0 / CROP_SIZE] * 2 + [5.0], [0.0] * 6 + [5.0] * 3
    return pose * pose.new_tensor(size) - pose.new_tensor(at_rest)


class ConvolutionStep(nn.Module):
    """Convolution, norm, ReLU: (B, inputs, N, N) to (B, outputs, N / stride, ...); with a shortcut where it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = stride == 1 and inputs == outputs
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return functional.relu(x + y if self.shortcut else y)

    def take_in_shortcut(self) -> None:
        """Let the convolution add what the shortcut does, once it has taken in the norm."""
        assert isinstance(self.norm, nn.Identity), "expected a norm that the convolution has taken in"
        if self.shortcut:
            self._add_to_itself(1.0)
            self.shortcut = False

    def give_back_shortcut(self) -> None:
        """Undo `take_in_shortcut` in weights that come from an exported network."""
        if self.shortcut:
            self._add_to_itself(-1.0)

    @torch.no_grad()
    def _add_to_itself(self, share: float) -> None:
        middle = self.conv.kernel_size[0] // 2
        self.conv.weight[:, :, middle, middle] += share * torch.eye(self.conv.out_channels)


class CloseUpEncoder(nn.Module):
    """A small dense network: close-ups (B, 3, N, N) to (B, features).

    Args:
        cells: N, a multiple of 16.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the resolution.
        features: that come out.
        deep: convolutions more at 1/16 of the resolution, where they cost little.
    """

    def __init__(self, cells: int, widths: tuple[int, int, int, int], features: int, deep: int = 0) -> None:
        super().__init__()
        half, quarter, eighth, last = widths
        self.layers = nn.Sequential(
            ConvolutionStep(3, half, 2, kernel=5),
            ConvolutionStep(half, half, 1),
            ConvolutionStep(half, quarter, 2),
            ConvolutionStep(quarter, quarter, 1),
            ConvolutionStep(quarter, eighth, 2),
            ConvolutionStep(eighth, eighth, 1),
            ConvolutionStep(eighth, last, 2),
            *(ConvolutionStep(last, last, 1) for _ in range(deep)),
            nn.Flatten(),
            nn.Linear(last * (cells // 16) ** 2, features),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of features on the way, (B, half, N/2, N/2) and (B, quarter, N/4, N/4), and what `forward` gives."""
        half = self.layers[:2](image)
        quarter = self.layers[2:4](half)
        return half, quarter, self.layers[4:](quarter)


class PointRefiner(nn.Module):
    """Moves points to where the picture close to each of them says they are.

    One small network looks at the features under every point; what it sees means something else at each of them, so
    its last layer is each point's own. Sampling features where a first guess lies is what cascaded regression does
    with pose-indexed features (Dollar et al., CVPR 2010) and PyMAF with a mesh (Zhang et al., ICCV 2021).

    Args:
        channels: of all maps together.
        context: width of what is known of the whole picture.
        points: N.
        hidden: width of the network.
    """

    reach = 0.1
    """Of a typical step, where the close-up runs from -1 to 1."""

    def __init__(self, channels: int, context: int, points: int, hidden: int = 64) -> None:
        super().__init__()
        self.local = nn.Linear(channels, hidden)
        self.context = nn.Linear(context, hidden, bias=False)
        self.place = nn.Parameter(0.1 * torch.randn(points, hidden))
        self.join = nn.Linear(hidden, hidden)
        self.step = nn.Parameter(torch.zeros(2, points, hidden))

    def forward(self, maps: Sequence[Tensor], points: Tensor, seen: Tensor) -> Tensor:
        """Return better points (B, N, 2).

        Args:
            maps: (B, C, H, W) each, features of one picture at any resolution.
            points: (B, N, 2) from -1 to 1, right and down.
            seen: (B, context).
        """
        whole = self.context(seen)[:, None] + self.place  # (B, N, hidden)
        found = sampled(points.detach(), *maps)  # (B, N, channels)
        local = functional.relu(self.join(functional.relu(self.local(found) + whole)))  # (B, N, hidden)
        step = (local[:, None] * self.step).sum(dim=3)  # (B, 2, N)
        return points + self.reach * step.transpose(1, 2)
