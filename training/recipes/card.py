"""The model card: what a network is, what it learned from, how long, and how good it is."""

from __future__ import annotations

from facemodel.whole_files import write_text
from training.evaluation.record import NetworkRecord, read_evaluations
from training.evaluation.report import limited_rows, table
from training.evaluation.sections.expression import FOLLOWS
from training.recipes.recipe import Job

_PHOTOGRAPHS = (
    "**Research weights.** The photographs are of people who never agreed to be in a product, and most collections are "
    "for research only: use these weights for research and measurement."
)
_OPEN = "No photograph, nor weights that saw one, had a part in the training: use them for what the licence allows."
_EARLIER = (
    "It goes on from the earlier networks of the same names, which learned from the same kinds of pictures; with "
    "another face model than theirs, identity and albedo begin anew."
)


def write_card(job: Job) -> None:
    """Write `NAME_card.md` of a job whose other stages are done.

    Raises LimelightError: the evaluation is not there, or the card cannot be written.
    """
    recipe = job.recipe
    evaluation = read_evaluations([job.out / f"{recipe.name}.json"])
    marks = {stage.name: job.mark(stage) for stage in recipe.stages}
    counts = [
        f"{int(mark.figures[what])} {what} ({name})"
        for name, mark in marks.items()
        for what in ("photographs", "renders")
        if what in mark.figures
    ]
    times = [(name, f"{mark.seconds / 60.0:.1f}") for name, mark in marks.items() if mark.done]
    figures = []
    for row in limited_rows(evaluation):
        measure, value = row.measure, row.values[0]
        if value is not None and measure.limit is not None:
            met = "met" if measure.met(value) else "**not met**"
            title = f"{row.section.title}: {measure.title}"
            figures.append((title, measure.shown(value), measure.shown(measure.limit), met))
    lines = [
        f"# Model card: `{recipe.name}`",
        "",
        recipe.about,
        "",
        f"**Terms.** {_PHOTOGRAPHS if recipe.photographs else _OPEN}",
        "",
        f"**Data.** {', '.join(counts)}.",
        "",
        f"**Face model.** {job.model.name}, digest {job.model.digest}; the network belongs to this one.",
        "",
        f"**Training.** `limelight train --recipe {recipe.name} --scale {job.scale:g} --seed {job.seed}"
        f"{' --initial DIR' if job.initial else ''}`; minutes of each stage on the machine that it ran on:",
        "",
        *table(("stage", "minutes"), times),
        "",
        *([_EARLIER, ""] if job.initial else []),
        "**Input and output.** An upright RGB crop around the head; the parameter vector of the face model and a "
        "confidence. See the metadata in the file.",
        "",
        *_weak_units(evaluation.networks[0]),
        f"**Figures.** What has a limit; `{recipe.name}.md` has all of them.",
        "",
        *table(("figure", "value", "limit", ""), figures),
    ]
    write_text(job.out / f"{recipe.name}_card.md", "\n".join(lines) + "\n")


def _weak_units(record: NetworkRecord) -> list[str]:
    """Return a paragraph on the expression units that a network hardly follows; nothing where that was not measured."""
    found = record.sections.get("expression")
    units = found.tables.get("units", {}) if found else {}
    weak = [name for name, row in units.items() if not row["slope"] >= FOLLOWS]
    if not weak:
        return []
    of = f"{len(weak)} of {len(units)} expression units rise by less than half of what they should"
    return [f"**Read weakly.** On held-out renders {of}: {', '.join(weak)}.", ""]
