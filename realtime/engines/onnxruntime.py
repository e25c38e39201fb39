"""The engine for CPUs: ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError

_POSE = 9
_INPUTS = (["crop"], ["crop", "pose", "known"])


class OnnxRuntimeEngine:
    """Runs a network file in ONNX Runtime on the CPU; see `Engine`.

    Input and outputs are bound once to arrays that live as long as the engine, so a frame allocates nothing.

    Args:
        path: a file that `limelight export` wrote.
        model: the face model in use; the network must have been trained for it.
        threads: that one inference uses.

    Raises:
        LimelightError: the file is missing, corrupt, no network of ours, or trained for another face model.
    """

    def __init__(self, path: str | Path, model: FaceModel, threads: int = 2) -> None:
        path = Path(path)
        session = _open(path, threads)
        metadata = session.get_modelmeta().custom_metadata_map
        self.resolution = _check_interface(path, session, metadata)
        self.model_digest = metadata["model_digest"]
        if self.model_digest != model.digest:
            raise LimelightError(
                f"network {path}: trained for face model '{metadata['model_name']}' ({self.model_digest}), "
                f"but '{model.name}' ({model.digest}) is loaded; use the network made for it"
            )
        self.name = f"{path.stem} (ONNX Runtime, {threads} {'thread' if threads == 1 else 'threads'})"
        self._session = session
        self._crop = np.zeros((1, self.resolution, self.resolution, 3), np.uint8)
        self._parameters = np.zeros((1, model.layout.size), np.float32)
        self._confidence = np.zeros((1, 1), np.float32)
        self._binding = session.io_binding()
        self._binding.bind_cpu_input("crop", self._crop)
        self._pose = np.zeros((1, _POSE), np.float32)
        self._known = np.zeros((), np.bool_)
        self.follows = "known" in {node.name for node in session.get_inputs()}
        if self.follows:
            self._binding.bind_cpu_input("pose", self._pose)
            self._binding.bind_cpu_input("known", self._known)
        for name, array in (("parameters", self._parameters), ("confidence", self._confidence)):
            self._binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        expected = session.get_outputs()[0].shape[-1]
        if expected != model.layout.size:
            raise LimelightError(f"network {path}: gives {expected} parameters, the face model has {model.layout.size}")

    def infer(
        self, crop: NDArray[np.uint8], pose: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], float]:
        """Parameters (P,) and confidence of a crop (R, R, 3) uint8 RGB, in which a pose (9,) may be about known; the
        array is reused by the next call.

        Raises:
            ValueError: the crop has another shape or type.
            LimelightError: ONNX Runtime failed, for lack of memory for example.
        """
        if crop.shape != self._crop.shape[1:] or crop.dtype != np.uint8:
            raise ValueError(f"crop: expected {self._crop.shape[1:]} uint8, got {crop.shape} {crop.dtype}")
        self._crop[0] = crop
        self._known[...] = pose is not None
        if pose is not None:
            self._pose[0] = pose
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise LimelightError(f"{self.name}: failed in the middle of its work ({_first_line(error)})") from error
        return self._parameters[0], float(self._confidence[0, 0])


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise LimelightError(f"network {path}: no such file; 'limelight export' writes one from a checkpoint")
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is said once, by the error below
    # Without spinning, two threads take a millisecond longer on an idle machine when called back to back, and as
    # long at a camera's rate; with it, a third busy thread makes an inference three times as long.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise LimelightError(f"network {path}: corrupt, truncated or not an ONNX file") from error


def _check_interface(path: Path, session: onnxruntime.InferenceSession, metadata: dict[str, str]) -> int:
    """Side of the input crop, after the names, types and metadata are found to be ours."""
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = [node.name for node in session.get_outputs()]
    complete = {"model_digest", "model_name"} <= metadata.keys() and metadata.get("resolution", "").isdecimal()
    if list(inputs) not in _INPUTS or outputs != ["parameters", "confidence"] or not complete:
        raise LimelightError(f"network {path}: not a Limelight network; 'limelight export' writes them")
    side = int(metadata["resolution"])
    if inputs["crop"].type != "tensor(uint8)" or inputs["crop"].shape[1:] != [side, side, 3]:
        raise LimelightError(f"network {path}: its input is not a {side} px RGB crop; export it again")
    return side
