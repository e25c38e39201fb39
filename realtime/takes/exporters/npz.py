"""NumPy archive: everything in the take, as arrays with names; rows are NaN where it has no parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from realtime.takes.channels import arkit_weights, channels_of, has_arkit_expressions
from realtime.takes.reader import Take

extension = ".npz"


def write(take: Take, path: Path, raw: bool) -> None:
    """See `Exporter`. Expressions are ARKit's 52, or the model's own where it has other ones."""
    header, layout = take.header, take.header.layout
    parameters = take.raw if raw else take.smoothed
    arkit = has_arkit_expressions(layout)
    expression = arkit_weights(take, raw) if arkit else parameters[:, layout.slices["expression"]]
    arrays: dict[str, NDArray] = {
        "frame": take.index,
        "timestamp": take.timestamp,
        "state": np.array([state.value for state in take.state]),
        "confidence": take.confidence,
        "crop": take.crop,
        "expression": expression,
        "expression_names": np.array(ARKIT_NAMES if arkit else layout.expression_names),
        "identity": parameters[:, layout.slices["identity"]],
        "albedo": parameters[:, layout.slices["albedo"]],
        **vars(channels_of(take, raw)),
        "parameters": parameters,
        "parameter_names": np.array(list(layout.names())),
        "header": np.array(header.to_json().decode()),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
