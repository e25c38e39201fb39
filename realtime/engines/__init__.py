"""Engines: what runs the network. The rest of the program knows only `Engine` and `open_engine`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from facemodel import FaceModel, LimelightError
from realtime.engines.base import Engine

__all__ = ["Engine", "network_file", "open_engine"]


def open_engine(network: str, model: FaceModel, threads: int = 2) -> Engine:
    """The engine for a network.

    Args:
        network: name of a network that ships with the program, such as "student", or a network file.
        model: the face model in use.
        threads: that one inference uses.

    Raises:
        LimelightError: no such network, a corrupt file, or one trained for another face model.
    """
    from realtime.engines.onnxruntime import OnnxRuntimeEngine  # not needed to describe or fake an engine

    return OnnxRuntimeEngine(network_file(network), model, threads)


def network_file(network: str) -> Path:
    """The file of a network that ships with the program, by name, or of another one, by its path.

    Raises:
        LimelightError: no such network.
    """
    assets = Path(str(files("realtime") / "assets"))
    if (assets / f"{network}.onnx").is_file():
        return assets / f"{network}.onnx"
    if Path(network).is_file():
        return Path(network)
    shipped = ", ".join(sorted(path.stem for path in assets.glob("*.onnx"))) or "none"
    raise LimelightError(f"network '{network}': no such file, and not one of the shipped ones ({shipped})")
