"""NumPy archive: everything that a take says of a face, as arrays with names; rows are NaN without parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from realtime.takes.channels import arkit_weights, channels_of, has_arkit_expressions
from realtime.takes.take import Track

extension = ".npz"


def write(track: Track, path: Path, raw: bool) -> None:
    """See `Exporter`. Expressions are ARKit's 52, or the model's own where it has other ones."""
    header, layout = track.header, track.header.layout
    parameters = track.raw if raw else track.smoothed
    arkit = has_arkit_expressions(layout)
    expression = arkit_weights(track, raw) if arkit else parameters[:, layout.slices["expression"]]
    arrays: dict[str, NDArray] = {
        "frame": track.index,
        "timestamp": track.timestamp,
        "state": np.array([state.value for state in track.state]),
        "confidence": track.confidence,
        "crop": track.crop,
        "size": track.size,
        "person": track.person,
        "expression": expression,
        "expression_names": np.array(ARKIT_NAMES if arkit else layout.expression_names),
        "identity": parameters[:, layout.slices["identity"]],
        "albedo": parameters[:, layout.slices["albedo"]],
        **vars(channels_of(track, raw)),
        "parameters": parameters,
        "parameter_names": np.array(list(layout.names())),
        "header": np.array(header.to_json().decode()),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
