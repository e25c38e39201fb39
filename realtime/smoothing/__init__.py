"""Steady in time: One Euro filters per group and the person lock."""

from realtime.smoothing.one_euro import OneEuroConfig, OneEuroFilter, OneEuroRotation
from realtime.smoothing.person import PersonLock, PersonLockConfig
from realtime.smoothing.smoother import Smoother, SmootherConfig
from realtime.smoothing.stage import SmoothingStage, SmoothingStageConfig

__all__ = [
    "OneEuroConfig",
    "OneEuroFilter",
    "OneEuroRotation",
    "PersonLock",
    "PersonLockConfig",
    "Smoother",
    "SmootherConfig",
    "SmoothingStage",
    "SmoothingStageConfig",
]
