"""A record as tables: on the terminal, and as the Markdown that stands in the repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.figures import Live, Record, Spread
from benchmark.limits import LIMITS
from benchmark.machine import PACKAGES
from benchmark.peers import PEERS
from benchmark.run import DRAWN, PLAIN, named

_TITLES = {"mediapipe": "MediaPipe Face Landmarker", "openseeface": "OpenSeeFace lm_model0"}
_KINDS = {PLAIN: "not drawn", DRAWN: "drawn"}
_NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """Attributes:
    title: above it.
    header: of the columns.
    rows: as many cells each.
    notes: below it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def terminal(record: Record) -> str:
    """Every table of a record as plain text."""
    blocks = []
    for table in _tables(record):
        widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
        lines = [table.title]
        for row in (table.header, *table.rows):
            cells = [cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)]
            lines.append(("  " + "  ".join(cells)).rstrip())
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def markdown(record: Record) -> str:
    """A record as a document."""
    lines = ["# Benchmarks", "", "Written by `limelight benchmark --report FILE`, on one machine, in one run.", ""]
    lines += [f"- {what}: {value}" for what, value in _circumstances(record)]
    for table in _tables(record):
        lines += ["", f"## {table.title}", "", _line(table.header), _line(["---"] + ["---:"] * (len(table.header) - 1))]
        lines += [_line(row) for row in table.rows]
        for note in table.notes:
            lines += ["", note]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _circumstances(record: Record) -> Iterator[tuple[str, str]]:
    machine, settings = record.machine, record.settings
    yield "processor", f"{machine['cpu']}, {machine['cores']} cores used"
    yield "system", f"{machine['system']}, Python {machine['python']}, OpenGL {machine['opengl'] or 'none'}"
    yield "packages", ", ".join(f"{name} {machine[name]}" for name in PACKAGES if machine[name])
    yield "frames", f"{settings['frames_of']}, {', '.join(settings['sizes'])}"
    if machine["load"] is not None:
        yield "load before", f"{machine['load']} busy processes (0 is a quiet machine)"
    if machine["cores_confined"]:
        yield "threads", "every process is held to as many cores as it may have threads"
    else:
        yield "threads", "MediaPipe takes as many as it likes: this system cannot hold a process to so many cores"
    for what, why in record.left_out.items():
        yield f"left out: {what}", why


def _tables(record: Record) -> Iterator[Table]:
    builders = (_promises, _tracking, _stages, _loop, _pictures, _live, _startup, _soak)
    for build in builders:
        yield from build(record)


def _promises(record: Record) -> Iterator[Table]:
    rows = []
    for limit in LIMITS:
        value = limit.value(record)
        if value is not None:
            bound = f"{'at least' if limit.at_least else 'at most'} {limit.bound:g} {limit.unit}".rstrip()
            rows.append([limit.title, bound, f"{value:.4g}", "yes" if limit.met(value) else "NO"])
    if rows:
        notes = ["Ratios are the larger ones of all thread counts; the other figures are of two threads."]
        yield Table("What must hold", ["", "limit", "measured", "met"], rows, notes)


def _tracking(record: Record) -> Iterator[Table]:
    reference = record.settings["network"]
    for threads, trackers in record.tracking.items():
        rows = []
        own = trackers.get(reference)
        for name, found in trackers.items():
            stages = ", ".join(f"{stage} {spread.p50:.2f}" for stage, spread in found.stages_ms.items())
            ratio = f"{own.step_ms.p50 / found.step_ms.p50:.2f}" if own and name != reference else _NOTHING
            memory = _NOTHING if found.peak_memory_mb is None else f"{found.peak_memory_mb:.0f}"
            ready = f"{found.ready_s:.1f}"
            step = found.step_ms
            cells = [f"{step.p50:.2f}", f"{step.p95:.2f}", ratio, f"{found.found:.0%}", ready, memory, stages]
            rows.append([_TITLES.get(name, name), *cells])
        header = ["", "median ms", "p95 ms", f"{reference} / it", "found", "ready s", "peak MB", "stages, median ms"]
        notes = [
            f"From a {record.settings['sizes'][0]} BGR frame in memory to what each tells about the face, on the same "
            "frames, a few at a time in turn. Our networks: crop, network, lift to the frame, smoothing. "
            + _about_peers(trackers)
        ]
        yield Table(f"A frame tracked, {named(threads)}", header, rows, notes)


def _about_peers(names: Sequence[str] | dict) -> str:
    about = {
        "mediapipe": "MediaPipe: VIDEO mode, one face, blendshapes and matrix.",
        "openseeface": "OpenSeeFace: landmarks only; its gaze network and head fit would come on top.",
    }
    return " ".join(about[name] for name in PEERS if name in names)


def _stages(record: Record) -> Iterator[Table]:
    rows, names = [], ("crop", "network", "lift", "smooth", "draw")
    for threads, sizes in record.loop.items():
        for size, kinds in sizes.items():
            stages = {**kinds[PLAIN].stages_ms}
            if DRAWN in kinds and "draw" in kinds[DRAWN].stages_ms:
                stages["draw"] = kinds[DRAWN].stages_ms["draw"]
            found = [stages.get(name) for name in names]
            cells = [f"{each.p50:.2f} / {each.p95:.2f}" if each else _NOTHING for each in found]
            rows.append([f"{size}, {named(threads)}", *cells])
    if rows:
        notes = [
            f"{record.settings['network']}, median / p95 in the whole loop; drawing to memory, read back, while the "
            "next frame is tracked."
        ]
        yield Table("Stages, ms", ["", *names], rows, notes)


def _loop(record: Record) -> Iterator[Table]:
    rows = []
    for size in record.settings["sizes"]:
        for kind, title in _KINDS.items():
            found = [sizes.get(size, {}).get(kind) for sizes in record.loop.values()]
            if any(found):
                cells = [f"{each.fps:.1f}" if each else _NOTHING for each in found]
                rows.append([f"{size}, {title}", *cells])
    if rows:
        notes = ["A video file, every frame decoded, tracked, smoothed and, with drawing, drawn and read back."]
        yield Table("Whole loop, frames a second", ["", *map(named, record.loop)], rows, notes)


def _pictures(record: Record) -> Iterator[Table]:
    rows: dict[str, list[str]] = {}
    for sizes in record.pictures.values():
        for size, lights in sizes.items():
            for light, found in lights.items():
                rows.setdefault(f"{size}, {light}", []).append(f"{found.draw_ms.p50:.1f} ({found.ratio:.2f})")
    if rows:
        notes = ["One face over a frame, drawn to memory and read back; in brackets, as a part of the first."]
        cells = [[title, *values] for title, values in rows.items()]
        yield Table("Lights of a show, median ms a picture", ["", *map(named, record.pictures)], cells, notes)


def _live(record: Record) -> Iterator[Table]:
    rows = [
        [f"{named(threads)}, {_KINDS[kind]}", *_live_cells(live)]
        for threads, kinds in record.live.items()
        for kind, live in kinds.items()
    ]
    if rows:
        header = ["", "to parameters", "to screen", "processor", "frames missed", "peak MB"]
        notes = [
            "Milliseconds p50 / p95 / p99 from capture, by numbers in the picture: read from the frame that comes with "
            "the parameters, and from the drawn picture in memory. Processor time of everything in the process, of one "
            "core."
        ]
        yield Table(f"Live at {record.settings['fps']:g} frames a second", header, rows, notes)


def _live_cells(live: Live) -> list[str]:
    memory = _NOTHING if live.peak_memory_mb is None else f"{live.peak_memory_mb:.0f}"
    missed = f"{live.missed} of {live.frames + live.missed}"
    screen = _percentiles(live.to_screen_ms) if live.to_screen_ms else _NOTHING
    return [_percentiles(live.to_parameters_ms), screen, f"{live.cpu_percent:.0f} %", missed, memory]


def _percentiles(spread: Spread) -> str:
    return f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}"


def _startup(record: Record) -> Iterator[Table]:
    found = record.startup
    if found is not None:
        rows = [[step, f"{seconds:.2f}"] for step, seconds in found.steps_s.items()]
        rows.append(["in all", f"{found.first_frame_s:.2f}"])
        notes = [f"A new process, headless, with warm caches; the middle one of {len(found.runs_s)}."]
        yield Table("Start to first shaded frame", ["", "s"], rows, notes)


def _soak(record: Record) -> Iterator[Table]:
    soak = record.soak
    if soak is None:
        return
    rows = []
    for index in sorted({round(i * (len(soak.windows) - 1) / 5) for i in range(6)}):
        window = soak.windows[index]
        minute = soak.minutes * (index + 1) / len(soak.windows)
        memory = _NOTHING if window.memory_mb is None else f"{window.memory_mb:.1f}"
        screen = _percentiles(window.to_screen_ms) if window.to_screen_ms else _NOTHING
        rows.append([f"to minute {minute:.1f}", _percentiles(window.to_parameters_ms), screen, memory])
    growth = f"Growth of p95 to parameters: {soak.latency_growth_ms:+.2f} ms"
    if soak.memory_growth_mb is not None:
        growth += f"; of memory: {soak.memory_growth_mb:+.1f} MB"
    notes = [f"{growth} (median of the last tenth less that of the first)."]
    title = f"Soak of {soak.minutes:.1f} minutes at {record.settings['fps']:g} frames a second"
    yield Table(title, ["", "to parameters ms", "to screen ms", "memory MB"], rows, notes)
