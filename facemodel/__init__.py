"""The vocabulary that every room shares: face model file, parameter vector, camera, light. NumPy only."""

from facemodel.arkit import ARKIT_NAMES
from facemodel.camera import CROP_SIZE, Crop, fit_pose, project
from facemodel.errors import LimelightError
from facemodel.landmarks import MEDIAPIPE_TO_IBUG68
from facemodel.model import FaceModel
from facemodel.parameters import ParameterLayout, Parameters

__all__ = [
    "ARKIT_NAMES",
    "CROP_SIZE",
    "MEDIAPIPE_TO_IBUG68",
    "Crop",
    "FaceModel",
    "LimelightError",
    "ParameterLayout",
    "Parameters",
    "fit_pose",
    "project",
]
