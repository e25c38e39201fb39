"""A process that starts as `limelight run` does, draws one shaded frame, says how long each step took, and ends.

`python -m benchmark.first_frame VIDEO NETWORK THREADS` prints one line of JSON, {step: s}, at that moment.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from time import perf_counter

_START = perf_counter()


def main(video: str, network: str, threads: str) -> int:
    """Until the first frame with a face is drawn.

    Raises:
        LimelightError: something cannot be opened, or there is no face in the video.
    """
    steps: dict[str, float] = {}
    last = _START

    def step(name: str) -> None:
        nonlocal last
        now = perf_counter()
        steps[name], last = round(now - last, 3), now

    from facemodel import FaceModel, LimelightError
    from realtime.engines import open_engine
    from realtime.frame import TrackingState
    from realtime.render import HeadlessComposer
    from realtime.sources.video import VideoSource
    from realtime.threads import limit_threads
    from realtime.tracking.finder import open_finder
    from realtime.tracking.tracker import Tracker

    limit_threads(int(threads))
    step("imports")
    model = FaceModel.load()
    step("face model")
    engine = open_engine(network, model, threads=int(threads))
    step("network")
    finder = open_finder()
    with closing(VideoSource(video)) as source:
        step("face finder and source")
        with HeadlessComposer(model, source.width, source.height) as renderer:
            step("renderer")
            tracker = Tracker(model, engine, finder)
            tracker.reset(thorough=False)
            while (frame := source.read()) is not None:
                faces = tracker.track(frame)
                if faces and faces[0].state is TrackingState.TRACKING:
                    renderer.render(frame.image, faces[0].smoothed)
                    step("first frame")
                    print(json.dumps(steps), flush=True)
                    return 0
    raise LimelightError(f"video {video}: no face in it")


if __name__ == "__main__":
    from facemodel import LimelightError

    try:
        sys.exit(main(*sys.argv[1:]))
    except LimelightError as failure:
        print(f"limelight: error: {failure}", file=sys.stderr)
        sys.exit(1)
