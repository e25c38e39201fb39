"""Face models that files were made with and do not carry: kept in the user's data folder by digest."""

from __future__ import annotations

import logging
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import platformdirs

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file

_log = logging.getLogger(__name__)


def users_folder() -> Path:
    """Return where the user's face models are kept."""
    return platformdirs.user_data_path("limelight") / "models"


def model_file(digest: str) -> Path:
    """Return where the face model of a digest is kept."""
    return users_folder() / f"{digest}.npz"


def kept_model(digest: str) -> FaceModel | None:
    """Return the face model of a digest: the embedded one, or one that was kept; None where neither is it.

    The embedded one is kept from then on, so that the next Limelight, which may come with another, reads the file too.

    Raises:
        LimelightError: what was kept is not a face model.
    """
    embedded = FaceModel.load()
    path = model_file(digest)
    if embedded.digest == digest:
        _keep(path)
        return embedded
    kept = FaceModel.load(path) if path.is_file() else None
    return kept if kept is not None and kept.digest == digest else None


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
