"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facemodel import FaceModel

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def model() -> FaceModel:
    """The embedded default face model."""
    return FaceModel.load()


@pytest.fixture(scope="session")
def sources() -> Path:
    """The data folder (`LIMELIGHT_DATA`, or `../shared/sources`); tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LIMELIGHT_DATA", ROOT.parent / "shared" / "sources"))
    if not folder.is_dir():
        pytest.skip(f"data folder {folder} is absent; set LIMELIGHT_DATA")
    return folder
