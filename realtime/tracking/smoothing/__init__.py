"""Steady in time: One Euro filters per group and the person lock."""

from realtime.tracking.smoothing.one_euro import OneEuroConfig, OneEuroFilter, OneEuroRotation
from realtime.tracking.smoothing.person import PersonLock, PersonLockConfig
from realtime.tracking.smoothing.smoother import Smoother, SmootherConfig
from realtime.tracking.smoothing.stage import SmoothingStage, SmoothingStageConfig

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
