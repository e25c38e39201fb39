"""A profile: what a tracker is told of a person who is known already, and how a guided calibration becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.persons.calibration import Calibration
from realtime.persons.guide import Guide
from realtime.persons.likeness import Likeness
from realtime.persons.store import PersonStore, Setup, StoredPerson

if TYPE_CHECKING:
    from realtime.takes import Take


@dataclass(frozen=True, eq=False)
class Profile:
    """A person who is known already.

    Attributes:
        name: as people call the person.
        calibration: how the face is read.
        identity, albedo: (n_identity,), (n_albedo,) coefficients; None where they belong to another face model, and
            could not be carried over.
    """

    name: str
    calibration: Calibration
    identity: NDArray[np.float32] | None = None
    albedo: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, person: StoredPerson, model: FaceModel, setup: Setup) -> Profile:
        """Return what holds for a person before a camera.

        Args:
            person: as stored, or carried over to the model.
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


def describe(person: StoredPerson, carried: StoredPerson | None, setup: Setup) -> str:
    """Return in one line what of a person holds before a camera.

    Args:
        person: as stored.
        carried: over to the model in use; None where that was impossible.
        setup: camera and glasses.
    """
    nearest = person.nearest(setup)
    line = f"{person.name}: {'not calibrated yet' if nearest is None else f'calibrated for {nearest}'}"
    if carried is person:
        return line
    if carried is None:
        return f"{line}; stored for a face model that is not here: shape and skin are learned anew"
    return f"{line}; shape and skin carried over from another face model"


def keep(store: PersonStore, guide: Guide, measured: StoredPerson, setup: Setup) -> StoredPerson:
    """Store what a guided calibration measured, and return the person.

    What was set by hand, and the calibrations for other setups, stay.

    Args:
        store: to keep the person in.
        guide: that is done.
        measured: who, and with which shape and skin; without calibrations.
        setup: that it holds for.

    Raises:
        LimelightError: the neutral was not seen, or the file cannot be written or is damaged.
    """
    name = measured.name
    person = replace(measured, calibrations=store.load(name).calibrations if store.find(name) else {})
    base = person.calibration(guide.layout.expression_names, setup) if person.calibrations else None
    person = person.with_calibration(setup, guide.calibration(base))
    store.save(person)
    return person


def as_in_take(take: Take, name: str) -> StoredPerson:
    """Return a take's performer, whoever that was longest, uncalibrated.

    Raises:
        LimelightError: nobody is in the take.
    """
    who = take.who()
    measured = StoredPerson(name, take.header.model_digest, who.identity, who.albedo)
    try:
        own = take.person_model(who.key)  # its mean is the person
    except LimelightError:  # damage, or the face model of a take of version 1 is not here
        return measured
    return replace(measured, likeness=Likeness.of(own, np.empty(0), np.empty(0)))


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
