"""The engine for CPUs: ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.base import MAX_FACES, POSE_SIZE, check_batch
from realtime.onnx_runtime import onnxruntime

_INPUTS = (["crop"], ["crop", "pose", "known"])


class OnnxRuntimeEngine:
    """Runs a network file in ONNX Runtime on the CPU; see `Engine`.

    Inputs and outputs are bound, once for each number of crops, to arrays that live as long as the engine: only the
    first call with a number of crops allocates anything.

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
        self._crops = np.zeros((MAX_FACES, self.resolution, self.resolution, 3), np.uint8)
        self._poses = np.zeros((MAX_FACES, POSE_SIZE), np.float32)
        self._known = np.zeros((), np.bool_)
        self._parameters = np.zeros((MAX_FACES, model.layout.size), np.float32)
        self._confidences = np.zeros((MAX_FACES, 1), np.float32)
        self._bindings: dict[int, onnxruntime.IOBinding] = {}
        self.follows = "known" in {node.name for node in session.get_inputs()}
        expected = session.get_outputs()[0].shape[-1]
        if expected != model.layout.size:
            raise LimelightError(f"network {path}: gives {expected} parameters, the face model has {model.layout.size}")

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return parameters (N, P) and confidences (N,) of crops (N, R, R, 3) uint8 RGB; see `Engine`.

        Raises:
            ValueError: the crops or poses have another shape or type.
            LimelightError: ONNX Runtime failed, for lack of memory for example.
        """
        check_batch(crops, poses, self.resolution)
        n = len(crops)
        self._crops[:n] = crops
        self._known[...] = poses is not None
        if poses is not None:
            self._poses[:n] = poses
        binding = self._bindings.get(n)
        if binding is None:
            binding = self._bindings[n] = self._bound(n)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise LimelightError(f"{self.name}: failed in the middle of its work ({_first_line(error)})") from error
        return self._parameters[:n], self._confidences[:n, 0]

    def _bound(self, n: int) -> onnxruntime.IOBinding:
        """Return a binding to the first n rows of every array."""
        binding = self._session.io_binding()
        binding.bind_cpu_input("crop", self._crops[:n])
        if self.follows:
            binding.bind_cpu_input("pose", self._poses[:n])
            binding.bind_cpu_input("known", self._known)
        for name, array in (("parameters", self._parameters[:n]), ("confidence", self._confidences[:n])):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise LimelightError(f"network {path}: no such file; 'limelight export' writes one from a checkpoint")
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
