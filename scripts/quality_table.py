"""Rewrites the figures in docs/quality.md's first table by what `limelight evaluate --json` wrote.

    python scripts/quality_table.py STUDENT.json STUDENT-INT8.json RESNET50.json STUDENT-OPEN.json

The column "before" stays what it is. In a row that no figure belongs to, nothing changes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training.evaluation.record import NetworkRecord, read_evaluations  # noqa: E402

_PAGE = ROOT / "docs" / "quality.md"


@dataclass(frozen=True)
class Row:
    """A row of the table: how it begins, the figure, and how that is written.

    Attributes:
        title: of the row.
        section, key: of the figure.
        unit: behind it; `%` of a figure that is a share, too.
        digits: behind the point.
    """

    title: str
    section: str
    key: str
    unit: str = ""
    digits: int = 2

    def cell(self, record: NetworkRecord, interval: bool) -> str:
        """Return a network's figure, with its 95 % interval if asked for; a dash where there is none."""
        value, ends = record.figure(self.section, self.key), record.interval(self.section, self.key)
        if value is None:
            return "–"
        within = f" ({self._number(ends[0])} to {self._number(ends[1])})" if interval and ends else ""
        return f"{self._number(value)}{'' if self.unit in ('', '°') else ' '}{self.unit}{within}"

    def _number(self, value: float) -> str:
        return f"{value * (100.0 if self.unit == '%' else 1.0):.{self.digits}f}"


ROWS = (
    Row("501 photographs", "photos", "nme68", "%"),
    Row("the same: colour error", "photos", "color", digits=3),
    Row("228 photographs", "people", "nme", "%"),
    Row("of these, eye corners", "people", "eyes", "%"),
    Row("mouth", "people", "mouth", "%"),
    Row("chin", "people", "chin", "%"),
    Row("AFLW2000", "poses", "aflw2000_pose_as_labelled", "°"),
    Row("renders: lips", "movement", "lips", "mm"),
    Row("lids", "movement", "lids", "mm"),
    Row("brows", "movement", "brows", "mm"),
    Row("RMSE over all weights", "expression", "all", digits=3),
    Row("mean weight of units at rest", "expression", "rest", digits=3),
    Row("units that follow", "expression", "follow", digits=0),
    Row("key light where", "highlights", "renders_key_angle", "°", 1),
    Row("half vector", "highlights", "renders_half_angle", "°", 1),
    Row("SH light: direction", "light", "sh_direction", "°", 1),
    Row("specular energy", "light", "leak", "%", 1),
    Row("neutral shape, one view", "shape", "regions", "mm"),
    Row("within / between people", "shape", "within_over_between", digits=3),
    Row("photographs: lip gap", "movement", "photo_lip_gap_correlation"),
    Row("lid opening, likewise", "movement", "photo_lid_opening_correlation"),
    Row("clips: blinks that MediaPipe sees", "clips", "mediapipe_blinks_kept", "%", 0),
    Row("clips: 68 points", "clips", "nme68", "%"),
    Row("still heads: points", "stability", "still_smoothed_landmarks", "mm"),
    Row("still heads: weights", "stability", "still_smoothed_weights", digits=4),
    Row("relit by the estimated light", "relighting", "estimated", digits=3),
)


def main(files: Sequence[str]) -> int:
    """Rewrite the page; the files are those of the columns behind "before", in their order."""
    records = read_evaluations([Path(file) for file in files]).networks
    lines = _PAGE.read_text(encoding="utf-8").splitlines()
    for row in ROWS:
        at = next((n for n, line in enumerate(lines) if line.startswith(f"| {row.title}")), None)
        if at is None:
            sys.exit(f"{_PAGE}: no row begins with {row.title!r}; add it")
        title, before, *_ = (cell.strip() for cell in lines[at].strip("|").split("|"))
        cells = [row.cell(record, interval=n == 0) for n, record in enumerate(records)]
        lines[at] = f"| {' | '.join([title, before, *cells])} |"
    _PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
