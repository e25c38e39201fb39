"""The validations of a run, one line of JSON each; `training.evaluation.curves` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facemodel import LimelightError


def append_history(folder: Path, figures: Mapping[str, Any]) -> None:
    """Add a validation to `history.jsonl` of a run's folder, which is made if absent.

    Raises:
        LimelightError: the file cannot be written.
    """
    path = folder / "history.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(figures) + "\n")
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error
