"""Persons on the disk: who somebody is, and how the face is read, per camera and with or without glasses."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file
from realtime.kept_models import kept_model, model_file
from realtime.persons.calibration import Calibration
from realtime.persons.likeness import Likeness

FORMAT_VERSION = 2
"""Version 1 had no likeness."""

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[^\x00-\x1f<>:\"/\\|?*\ud800-\udfff]{1,60}")
"""Names that every system can keep as a file's, but for Windows' devices."""
_GLASSES = "glasses"
"""Second line of the note of who is in use."""
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def users_folder() -> Path:
    """Return where the user's persons are kept."""
    return platformdirs.user_data_path("limelight", appauthor=False) / "persons"


@dataclass(frozen=True)
class Setup:
    """What a calibration holds for.

    Attributes:
        camera: name of the source.
        glasses: whether glasses are worn.
    """

    camera: str = ""
    glasses: bool = False

    def __str__(self) -> str:
        return f"{self.camera or 'any camera'}{' with glasses' if self.glasses else ''}"


class InUse(NamedTuple):
    """Who is in use: the name, and whether glasses are worn."""

    name: str
    glasses: bool = False


@dataclass(frozen=True, eq=False)
class StoredPerson:
    """Somebody who was calibrated.

    Attributes:
        name: as people call the person.
        model_digest: of the face model that identity and albedo belong to.
        identity: (n_identity,) coefficients.
        albedo: (n_albedo,) coefficients.
        calibrations: by setup, the newest last; by expression, see `Calibration.to_json`.
        likeness: what identity and albedo make, for other face models; None in files of version 1.
    """

    name: str
    model_digest: str
    identity: NDArray[np.float32]
    albedo: NDArray[np.float32]
    calibrations: Mapping[Setup, Mapping[str, Any]] = field(default_factory=dict)
    likeness: Likeness | None = None

    @classmethod
    def of(cls, name: str, model: FaceModel, identity: NDArray, albedo: NDArray) -> StoredPerson:
        """Return somebody who has coefficients of a face model, (n_identity,) and (n_albedo,), uncalibrated."""
        return cls(name, model.digest, identity, albedo, likeness=Likeness.of(model, identity, albedo))

    def nearest(self, setup: Setup | None = None) -> Setup | None:
        """Return the setup whose calibration is used for another one: of the same camera, with the same glasses, the
        newest; None where there is no calibration.

        Args:
            setup: None for the newest.
        """
        kept = list(self.calibrations)
        if setup is not None:
            kept.sort(key=lambda other: (other.camera == setup.camera, other.glasses == setup.glasses))  # stable
        return kept[-1] if kept else None

    def calibration(self, names: tuple[str, ...], setup: Setup | None = None) -> Calibration:
        """Return the calibration for a setup, or the nearest.

        Args:
            names: of the expressions.
            setup: None for the newest.
        """
        nearest = self.nearest(setup)
        if nearest is None:
            return Calibration.none(names)
        return Calibration.from_json(self.calibrations[nearest], names)

    def with_calibration(self, setup: Setup, calibration: Calibration) -> StoredPerson:
        """Return the person with a calibration for a setup, in place of the one before."""
        kept = {other: content for other, content in self.calibrations.items() if other != setup}
        return replace(self, calibrations=kept | {setup: calibration.to_json()})

    def fits(self, model: FaceModel) -> bool:
        """Return whether identity and albedo are coefficients of a face model."""
        sizes = len(self.identity), len(self.albedo)
        return self.model_digest == model.digest and sizes == (model.layout.n_identity, model.layout.n_albedo)

    def carried_over(self, model: FaceModel) -> StoredPerson | None:
        """Return the person with identity and albedo of a face model: the stored ones where they fit, else what comes
        nearest to the likeness; None where there is none.
        """
        if self.fits(model):
            return self
        if self.likeness is None:
            return None
        identity, albedo = self.likeness.coefficients(model)
        return replace(self, model_digest=model.digest, identity=identity, albedo=albedo)


class PersonStore:
    """A folder with one file a person, and the name of the one who is in use.

    A name means who was stored under it, capital letters or not, as many disks have it; the stored spelling is kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """
        Args:
            folder: of the files; the user's own if None.
        """
        self.folder = folder or users_folder()

    def names(self) -> list[str]:
        """Return the names of all persons, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json")) if self.folder.is_dir() else []

    def find(self, name: str) -> str | None:
        """Return the name as it was stored; None where there is no such person."""
        alike = [known for known in self.names() if known.casefold() == name.casefold()]
        return name if name in alike else next(iter(alike), None)

    def load(self, name: str) -> StoredPerson:
        """Return a person.

        Raises:
            LimelightError: there is no such person, or the file is damaged.
        """
        path = self._path(name)
        if not path.is_file():
            known = ", ".join(self.names()) or "nobody yet"
            raise LimelightError(f"person {name}: not known; there is {known} (limelight person calibrate {name})")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["format_version"]
            if version not in (1, FORMAT_VERSION):
                raise LimelightError(f"person {path}: of another version; calibrate again")
            calibrations = {
                Setup(str(each["camera"]), bool(each["glasses"])): dict(each["expressions"])
                for each in content["calibrations"]
            }
            for expressions in calibrations.values():
                Calibration.from_json(expressions, tuple(expressions))
            return StoredPerson(
                path.stem,
                str(content["model_digest"]),
                _vector(content["identity"]),
                _vector(content["albedo"]),
                calibrations,
                Likeness.from_json(content["likeness"]) if version > 1 and content["likeness"] is not None else None,
            )
        except OSError as error:
            raise LimelightError(f"person {path}: cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LimelightError(
                f"person {path}: damaged ({error}); limelight person delete {name}, then calibrate again"
            ) from error

    def save(self, person: StoredPerson) -> Path:
        """Write a person, in place of the file before, and return its path. Only the user can read it, where the system
        knows of that.

        Raises:
            LimelightError: the name cannot be a file's, or the file cannot be written.
        """
        path = self._path(person.name)
        content = {
            "format_version": FORMAT_VERSION,
            "model_digest": person.model_digest,
            "identity": [round(float(value), 6) for value in person.identity],
            "albedo": [round(float(value), 6) for value in person.albedo],
            "calibrations": [
                {"camera": setup.camera, "glasses": setup.glasses, "expressions": expressions}
                for setup, expressions in person.calibrations.items()
            ],
            "likeness": None if person.likeness is None else person.likeness.to_json(),
        }
        self._write(path, json.dumps(content, allow_nan=False))
        return path

    def complete(self, model: FaceModel) -> None:
        """Give everybody whose file is of version 1 a likeness, where the face model that they are of is here.

        Args:
            model: in use.
        """
        for name in self.names():
            try:
                person = self.load(name)
                if person.likeness is None and (own := _own_model(person, model)) is not None:
                    self.save(replace(person, likeness=Likeness.of(own, person.identity, person.albedo)))
            except LimelightError as error:  # who is not in use keeps nobody from starting
                _log.info("%s", error)

    def delete(self, name: str) -> None:
        """Forget a person.

        Raises:
            LimelightError: there is no such person, or the file cannot be deleted.
        """
        path, chosen = self._path(name), self.chosen()
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise LimelightError(f"person {name}: not known") from error
        except OSError as error:
            raise LimelightError(f"person {path}: cannot be deleted ({error.strerror})") from error
        if chosen is not None and chosen.name == path.stem:
            self.choose(None)

    def chosen(self) -> InUse | None:
        """Return who is in use; None for nobody."""
        try:
            name, _, rest = (self.folder / "chosen").read_text(encoding="utf-8").partition("\n")
        except (OSError, ValueError):
            return None
        known = self.find(name.strip())
        return None if known is None else InUse(known, rest.strip() == _GLASSES)

    def choose(self, name: str | None, glasses: bool = False) -> None:
        """Remember who is in use from now on.

        Args:
            name: of the person; None for nobody.
            glasses: whether the person wears glasses.

        Raises:
            LimelightError: there is no such person, or it cannot be written.
        """
        text = "" if name is None else self.load(name).name
        self._write(self.folder / "chosen", f"{text}\n{_GLASSES}\n" if text and glasses else text)

    @staticmethod
    def check_name(name: str) -> None:
        """Check that a name can be a file's everywhere.

        Raises:
            LimelightError: it cannot.
        """
        if not _NAME.fullmatch(name) or name.strip(" .") != name or _DEVICE.fullmatch(name):
            raise LimelightError(f'person {name!r}: a name has 1 to 60 characters, none of < > : " / \\ | ? *')

    def _path(self, name: str) -> Path:
        self.check_name(name)
        return self.folder / f"{self.find(name) or name}.json"

    @staticmethod
    def _write(path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LimelightError(f"{path.parent}: cannot be made ({error.strerror})") from error
        with whole_file(path, str(path)) as partial:
            partial.touch()
            with contextlib.suppress(OSError):  # a disk without permissions
                partial.chmod(0o600)  # before there is anything to read
            partial.write_bytes(text.encode("utf-8"))


def _own_model(person: StoredPerson, model: FaceModel) -> FaceModel | None:
    """Return the face model that a person is of: the one in use, or one that was kept; None where neither is it.

    Raises:
        LimelightError: what was kept is not a face model.
    """
    if not person.fits(model):
        kept = kept_model(person.model_digest) if model_file(person.model_digest).is_file() else None
        return kept if kept is not None and person.fits(kept) else None
    return model


def _vector(values: Any) -> NDArray[np.float32]:
    vector = np.array([float(value) for value in values], np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("a number that is none")
    return vector
