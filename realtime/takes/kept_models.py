"""The face models of takes of format version 1, which do not carry theirs: kept in the user's data folder by digest."""

from __future__ import annotations

import logging
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import platformdirs

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file

_log = logging.getLogger(__name__)


def model_file(digest: str) -> Path:
    """Return where the face model of a digest is kept."""
    return platformdirs.user_data_path("limelight") / "models" / f"{digest}.npz"


def kept_model(name: str, digest: str) -> FaceModel:
    """Return the face model of a digest: the embedded one, or one that was kept.

    The embedded one is kept from then on, so that the next Limelight, which may come with another, draws the take too.

    Args:
        name: of the model, for people.
        digest: of the model.

    Raises:
        LimelightError: there is no such model on this machine.
    """
    embedded = FaceModel.load()
    path = model_file(digest)
    if embedded.digest == digest:
        _keep(path)
        return embedded
    if path.is_file():
        kept = FaceModel.load(path)
        if kept.digest == digest:
            return kept
    raise LimelightError(
        f"the take was recorded with face model '{name}' ({digest}), which takes of format version 1 do not carry, and "
        f"which is not here; put its file at {path}. export-take works without"
    )


def _keep(path: Path) -> None:
    """Copy the embedded model's file, if it is not there yet; a folder that cannot be written is no reason to stop."""
    if path.exists():
        return
    try:
        embedded = as_file(files("facemodel") / "assets" / "limelight.npz")
        with embedded as source, whole_file(path, f"face model {path}", shared=True) as partial:
            shutil.copyfile(source, partial)
    except LimelightError as error:
        _log.info("%s", error)
