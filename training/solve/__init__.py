"""Offline analysis-by-synthesis: parameters whose rendering is the picture, started from a network's answer.

`observation` says what is known of a picture, `unknowns` what is sought, `objective` how well the two agree, `solver`
brings them together; `images` and `clip` do it for photographs and for videos.
"""

from training.solve.clip import ClipReport, ClipSolver
from training.solve.config import SolveConfig
from training.solve.solver import FaceSolver, ImageSolver, SolvedFace
from training.solve.start import NetworkStart

__all__ = ["ClipReport", "ClipSolver", "FaceSolver", "ImageSolver", "NetworkStart", "SolveConfig", "SolvedFace"]
