"""The tracker that `run` and `replay` follow faces with: engine, network and finder as the user asked for them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facemodel import FaceModel
    from realtime.tracking.tracker import Tracker


def make_tracker(args: argparse.Namespace, model: FaceModel, faces: int = 1) -> Tracker:
    """Return a tracker on the engine that was asked for, or on one that keeps up with a camera here; says which.

    Args:
        args: with what `add_engine_arguments` added.
        model: the face model in use.
        faces: that are followed at once.
    """
    from limelight.engine_kinds import ENGINE_KINDS
    from realtime.engines.choice import ChoiceConfig, EngineChooser
    from realtime.sources import CameraSettings
    from realtime.tracking.finder import open_finder
    from realtime.tracking.tracker import Tracker, TrackerConfig

    chooser = EngineChooser(ENGINE_KINDS, lambda line: print(f"limelight: {line}", file=sys.stderr))
    engine = chooser.open(args.network, model, ChoiceConfig(args.threads, CameraSettings.fps), args.engine)
    return Tracker(model, engine, open_finder(), TrackerConfig(faces=faces))
