"""Steady in time: One Euro filters per group, a filter for lids and the person lock."""

from realtime.tracking.smoothing.lids import LidConfig, LidFilter
from realtime.tracking.smoothing.one_euro import OneEuroConfig, OneEuroFilter, OneEuroRotation
from realtime.tracking.smoothing.person import PersonLock, PersonLockConfig
from realtime.tracking.smoothing.settings import PRESETS, SmoothingSettings
from realtime.tracking.smoothing.smoother import Smoother, SmootherConfig

__all__ = [
    "PRESETS",
    "LidConfig",
    "LidFilter",
    "OneEuroConfig",
    "OneEuroFilter",
    "OneEuroRotation",
    "PersonLock",
    "PersonLockConfig",
    "Smoother",
    "SmootherConfig",
    "SmoothingSettings",
]
