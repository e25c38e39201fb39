"""How good a network is on held-out photos whose parameters nobody knows: points, colours, and the loss's terms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facemodel.landmarks import JAW68, normalized_mean_error
from training.data.prepared import PhotoBatch, PreparedPhotos
from training.evaluation.color_error import ColorError, color_error
from training.losses.paper_objective import PaperObjective
from training.networks import Network
from training.render.renderer import Rendering
from training.sampling import spread_evenly

_AT_ONCE = 16


def validate_photos(
    network: Network, objective: PaperObjective, photos: PreparedPhotos, limit: int
) -> dict[str, float]:
    """Return the figures on `limit` photos at most.

    Returns: photo.nme68, nme68_without_jaw, nme478: medians, fractions, against the labelled points; photo.color_error:
        Table 1's mean over the pixels of the face, sRGB 0..1, at the size that is rendered; loss.NAME: mean of each
        term of the objective in its own unit.
    """
    points: dict[str, list[float]] = {}
    color = ColorError()
    terms: dict[str, list[Tensor]] = {}
    index = spread_evenly(len(photos), limit)
    with torch.inference_mode():
        for batch, parameters in _seen(network, photos, index, objective):
            rendering = objective.renderer(parameters)
            for name, errors in _point_errors(batch, rendering).items():
                points.setdefault(name, []).extend(errors)
            pictures, faces, mask = (part.cpu().numpy() for part in objective.pictures(batch, rendering))
            color = sum(map(color_error, pictures, faces, mask > 0.5), start=color)
            for name, value in objective.compare(rendering, parameters, batch, 1.0)[1].items():
                terms.setdefault(name, []).append(value * len(batch) / len(index))
    return {
        **{f"photo.{name}": float(np.median(errors)) for name, errors in points.items()},
        "photo.color_error": color.mean,
        **{f"loss.{name}": float(sum(values)) for name, values in terms.items()},
    }


def network_input(image: Tensor, resolution: int) -> Tensor:
    """Return photos (B, S, S, 3) sRGB 0..1 as a network takes them, (B, R, R, 3) uint8 RGB."""
    planes = image.permute(0, 3, 1, 2)
    if planes.shape[2] != resolution:
        planes = functional.interpolate(planes, (resolution, resolution), mode="bilinear", antialias=True)
    return (255.0 * planes).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _seen(
    network: Network, photos: PreparedPhotos, index: NDArray[np.int64], objective: PaperObjective
) -> Iterator[tuple[PhotoBatch, Tensor]]:
    """Batches and the parameters (B, P) that the network sees in them, on the objective's device."""
    device, own = next(objective.buffers()).device, next(network.parameters()).device
    for start in range(0, len(index), _AT_ONCE):
        batch = photos.batch(index[start : start + _AT_ONCE])
        crop = network_input(batch.image, network.config.resolution).to(own)
        yield batch.to(device), network.predict(crop).parameters.to(device)


def _point_errors(batch: PhotoBatch, rendering: Rendering) -> dict[str, list[float]]:
    """NME of each photo."""
    sparse, dense = (
        list(zip(own.cpu().numpy(), known.cpu().numpy(), strict=True))
        for own, known in ((rendering.landmarks68, batch.landmarks68), (rendering.landmarks478, batch.landmarks478))
    )
    inner = slice(JAW68.stop, None)
    return {
        "nme68": [normalized_mean_error(own, known) for own, known in sparse],
        "nme68_without_jaw": [normalized_mean_error(own[inner], known[inner]) for own, known in sparse],
        "nme478": [normalized_mean_error(own, known) for own, known in dense],
    }
