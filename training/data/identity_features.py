"""Identity features F(I_in) of Eq. 7 of prepared photos: they never change, so they are computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from facemodel import LimelightError
from facemodel.whole_files import whole_file
from training.data.prepared import WHAT
from training.data.shards import load_array, shards_below

Identify = Callable[[Tensor], Tensor]
"""From crops (B, 224, 224, 3) sRGB 0..1 to features (B, D)."""


def add_features(root: Path, name: str, identify: Identify, batch: int = 16) -> None:
    """Write the features of every prepared photo below `root` that has none by this network yet, shard by shard.

    Args:
        root: the prepared folder.
        name: of the network; a reader asks for the features by it.
        identify: the network.
        batch: photos at once.

    Raises:
        LimelightError: a shard is damaged, features are not finite, or they cannot be written.
    """
    shards = [shard for shard in shards_below(root) if not (shard / f"features_{name}.npy").exists()]
    total = sum(len(load_array(shard / "names.npy", WHAT)) for shard in shards)
    with tqdm(total=total, unit="photo", desc=f"features of {name}") as bar:
        for shard in shards:
            pictures, features = load_array(shard / "images.npy", WHAT, mapped=True), []
            for start in range(0, len(pictures), batch):
                crops = torch.from_numpy(np.array(pictures[start : start + batch])).float() / 255.0
                with torch.no_grad():
                    features.append(identify(crops).float().cpu().numpy())
                bar.update(len(crops))
            _write(shard, name, np.concatenate(features) if features else np.zeros((0, 0), np.float32))


def _write(shard: Path, name: str, features: np.ndarray) -> None:
    if not np.isfinite(features).all():
        raise LimelightError(f"features of {name}: not finite on {shard}; the network's weights are damaged")
    with (
        whole_file(shard / f"features_{name}.npy", f"features of {name} {shard}") as partial,
        partial.open("wb") as file,
    ):
        np.save(file, features)
