"""What is in a take, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from realtime.frame import TrackingState
from realtime.takes.curves import bad_spans, quality_of
from realtime.takes.take import Take

_LISTED = 20
"""Bad spans that are told to people."""


def summarise(take: Take) -> dict[str, Any]:
    """Return what is in a take, as JSON values; times are seconds from its first frame.

    Bad spans are those of frames in which the performer was not tracked with confidence, see `curves.Quality`.
    """
    header, start = take.header, take.times[0]
    clock = take.times - start
    sizes = dict.fromkeys(map(tuple, take.index.frames["size"].tolist()))
    return {
        "take": str(take.path),
        "bytes": take.path.stat().st_size,
        "format_version": header.format_version,
        "created": header.created,
        "software": header.software,
        "source": header.source_name,
        "source_live": header.source_live,
        "network": header.network,
        "slate": header.slate.options,
        "model": {"name": header.model_name, "digest": header.model_digest, "in_take": take.base is not None},
        "frames": len(take),
        "seconds": take.duration,
        "fps": header.fps,
        "sizes": [list(size) for size in sizes],
        "faces": [_face(take, number) for number in take.face_ids],
        "persons": [
            {"key": key, "settled": person.settled, "rig": key in take.rigs} for key, person in take.persons.items()
        ],
        "bad_spans": [
            {"begin": float(clock[span.first]), "end": float(clock[span.last]), "worst": span.quality.name.lower()}
            for span in bad_spans(quality_of(take.presence()))
        ],
        "stalls": [
            {"begin": stall.begin - start, "end": None if stall.end is None else stall.end - start}
            for stall in take.stalls
        ],
        "markers": [{"time": marker.time - start, "text": marker.text} for marker in take.markers],
        "reference_video": {
            "pictures": len(take.video),
            "key_pictures": sum(packet.key for packet in take.video),
        }
        if take.video
        else None,
        "sound": take.sound,
        "light": None if take.light is None else {"changes": len(take.light.marks) - 1},
        "timecode": [
            {"time": mark.time - start, "timecode": str(mark.timecode), "rate": str(mark.timecode.rate)}
            for mark in take.timecodes
        ],
        "cut": take.cut,
    }


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    """Yield `summarise`'s answer as lines for people."""
    yield f"{summary['take']}: format version {summary['format_version']}, {summary['bytes'] / 1e6:.1f} MB"
    yield f"  recorded   {summary['created']} by {summary['software']}"
    yield f"  source     {summary['source']}, {', '.join(f'{w}x{h}' for w, h in summary['sizes'])}"
    yield f"  network    {summary['network']}"
    if slate := summary["slate"]:
        yield f"  slate      {', '.join(f'{name} {value}' for name, value in slate.items())}"
    model = summary["model"]
    yield f"  model      {model['name']} ({model['digest']}){'' if model['in_take'] else ', not in the take'}"
    yield f"  frames     {summary['frames']} in {summary['seconds']:.2f} s"
    if (video := summary["reference_video"]) is not None:
        yield f"  video      {video['pictures']} pictures"
    if summary["sound"]:
        yield "  sound      yes (take sound)"
    if (light := summary["light"]) is not None:
        yield f"  light      as the show said, {light['changes']} changes"
    for face in summary["faces"]:
        span = f"{face['begin']:.2f} to {face['end']:.2f} s"
        yield f"  face {face['id']:<5} {face['tracked_frames']} frames tracked, {span}"
    for person in summary["persons"]:
        state = "settled" if person["settled"] else "an estimate"
        yield f"  person {person['key']:<3} {state}{'' if person['rig'] else ', not in the take'}"
    for span in summary["bad_spans"][:_LISTED]:
        yield f"  {span['worst']:<10} {span['begin']:.2f} to {span['end']:.2f} s"
    if (more := len(summary["bad_spans"]) - _LISTED) > 0:
        yield f"  and {more} more such spans; --json has them"
    for stall in summary["stalls"]:
        end = "the end" if stall["end"] is None else f"{stall['end']:.2f} s"
        yield f"  stall      {stall['begin']:.2f} s to {end}"
    for mark in summary["timecode"]:
        yield f"  timecode   {mark['time']:.2f} s {mark['timecode']} at {mark['rate']}"
    for marker in summary["markers"]:
        yield f"  marker     {marker['time']:.2f} s {marker['text']}"
    if summary["cut"]:
        yield f"  damage     {summary['cut']}"


def _face(take: Take, number: int) -> dict[str, Any]:
    presence = take.presence(number)
    present = np.flatnonzero(presence.rows >= 0)
    begin, end = (take.times[present[[0, -1]]] - take.times[0]).tolist()
    return {
        "id": number,
        "tracked_frames": int(np.count_nonzero(presence.state == TrackingState.TRACKING)),
        "begin": begin,
        "end": end,
        "persons": sorted({int(key) for key in presence.person[present]}),
    }
