"""A profile: what a tracker is told of a person who is known already, and how a guided calibration becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Person
from realtime.persons.calibration import Calibration
from realtime.persons.guide import Guide
from realtime.persons.store import PersonStore, Setup, StoredPerson


@dataclass(frozen=True, eq=False)
class Profile:
    """A person who is known already.

    Attributes:
        name: as people call the person.
        calibration: how the face is read.
        identity, albedo: (n_identity,), (n_albedo,) coefficients; None where they belong to another face model.
    """

    name: str
    calibration: Calibration
    identity: NDArray[np.float32] | None = None
    albedo: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, person: StoredPerson, model: FaceModel, setup: Setup) -> Profile:
        """Return what holds for a person before a camera.

        Args:
            person: as stored.
            model: in use.
            setup: camera and glasses.
        """
        calibration = person.calibration(model.expression_names, setup)
        if not person.fits(model):
            return cls(person.name, calibration)
        return cls(person.name, calibration, person.identity, person.albedo)

    def is_same_face(self, other: Profile) -> bool:
        """Return whether both are the same person with the same shape and skin, however the face is read."""
        mine, others = (self.identity, self.albedo), (other.identity, other.albedo)
        return self.name == other.name and all(np.array_equal(a, b) for a, b in zip(mine, others, strict=True))  # type: ignore[arg-type]


def describe(person: StoredPerson, model: FaceModel, setup: Setup) -> str:
    """Return in one line what of a person holds before a camera; see `Profile.of`."""
    nearest = person.nearest(setup)
    line = f"{person.name}: {'not calibrated yet' if nearest is None else f'calibrated for {nearest}'}"
    return line if person.fits(model) else f"{line}; another face model: shape and skin are learned anew"


def keep(store: PersonStore, name: str, guide: Guide, who: Person, digest: str, setup: Setup) -> StoredPerson:
    """Store what a guided calibration measured, and return the person.

    What was set by hand, and the calibrations for other setups, stay.

    Args:
        store: to keep the person in.
        name: of the person.
        guide: that is done.
        who: identity and albedo.
        digest: of the face model that they are coefficients of.
        setup: that it holds for.

    Raises:
        LimelightError: the neutral was not seen, or the file cannot be written or is damaged.
    """
    person = store.load(name) if store.find(name) else StoredPerson(name, digest, who.identity, who.albedo)
    base = person.calibration(guide.layout.expression_names, setup) if person.calibrations else None
    calibration = guide.calibration(base)
    person = replace(person, model_digest=digest, identity=who.identity, albedo=who.albedo)
    person = person.with_calibration(setup, calibration)
    store.save(person)
    return person


def adjust(store: PersonStore, name: str, settings: Sequence[tuple[str, str, float]], model: FaceModel) -> StoredPerson:
    """Change settings of all of a person's calibrations, all of them or none, and return the person.

    Args:
        store: where the person is kept.
        name: of the person.
        settings: (expression, setting, value); see `Calibration.with_setting`.
        model: the face model in use.

    Raises:
        LimelightError: see `Calibration.with_setting` and `PersonStore`.
    """
    person = store.load(name)
    if not person.calibrations:
        raise LimelightError(f"person {name}: not calibrated yet (limelight person calibrate {name})")
    for setup in list(person.calibrations):
        calibration = person.calibration(model.expression_names, setup)
        for expression, setting, value in settings:
            calibration = calibration.with_setting(expression, setting, value)
        person = person.with_calibration(setup, calibration)
    store.save(person)
    return person
