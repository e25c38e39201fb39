"""Engines: what runs the network. The rest of the program knows only `Engine` and `open_engine`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from facemodel import FaceModel, LimelightError
from realtime.engines.base import Engine

__all__ = ["AUTO", "DEFAULT_NETWORK", "Engine", "network_file", "open_engine", "shipped_networks"]

AUTO = "auto"
"""Stands for the network that suits an engine, and for the engine that suits a machine."""

DEFAULT_NETWORK = "student-int8"
"""What `AUTO` stands for on a CPU: `student` in 8 bits, which is faster and hardly worse."""

_REPOSITORY_ONLY = ("resnet50",)
"""Networks that are too large for the wheel."""

_NETWORKS = ("student", "student-int8", "student-open", *_REPOSITORY_ONLY)
_ASSETS = Path(str(files("realtime") / "assets"))


def open_engine(network: str, model: FaceModel, threads: int = 2) -> Engine:
    """Open the engine for a network on the CPU.

    Args:
        network: name of a network that ships with the program, such as "student", a network file, or `AUTO`.
        model: the face model in use.
        threads: that one inference uses.

    Raises:
        LimelightError: no such network, a corrupt file, or one trained for another face model.
    """
    from realtime.engines.onnxruntime import OnnxRuntimeEngine  # not needed to describe or fake an engine

    return OnnxRuntimeEngine(network_file(network), model, threads)


def shipped_networks() -> list[str]:
    """Return the names of the networks that this installation came with."""
    return [name for name in _NETWORKS if (_ASSETS / f"{name}.onnx").is_file()]


def network_file(network: str, default: str = DEFAULT_NETWORK) -> Path:
    """Return the file of a network.

    Args:
        network: name of one that ships with the program, path of another one, or `AUTO`.
        default: what `AUTO` stands for.

    Raises:
        LimelightError: no such network.
    """
    network = default if network == AUTO else network
    shipped = shipped_networks()
    if network in shipped:
        return _ASSETS / f"{network}.onnx"
    if Path(network).is_file():
        return Path(network)
    if network in _REPOSITORY_ONLY:
        raise LimelightError(
            f"network '{network}': is too large for the package; take realtime/assets/{network}.onnx from the "
            "repository, and give its path"
        )
    names = ", ".join(shipped) or "none"
    raise LimelightError(f"network '{network}': no such file, and not one of the shipped ones ({names})")
