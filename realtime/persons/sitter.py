"""Who sits before the camera, as far as is known, chosen, calibrated and adjusted."""

from __future__ import annotations

from collections.abc import Callable

from facemodel import FaceModel, LimelightError
from realtime.persons.calibration import Calibration
from realtime.persons.guide import Guide
from realtime.persons.profile import Profile, adjust, describe, keep
from realtime.persons.store import PersonStore, Setup, StoredPerson


class Sitter:
    """The performer's person, and what trackers are told of it.

    All methods may be called from any thread.

    Attributes:
        store: who is known.
        glasses: whether glasses are worn.
    """

    def __init__(
        self,
        model: FaceModel,
        store: PersonStore,
        camera: Callable[[], str],
        changed: Callable[[Profile | None, bool], None],
        name: str | None = None,
        glasses: bool = False,
    ) -> None:
        """
        Args:
            model: the face model in use.
            store: who is known.
            camera: tells the name of the source.
            changed: told what holds from now on, None of nobody known, and whether it holds of the performer; else of
                who was taken for that person before.
            name: of who sits there; "" for nobody known, None for who was used last.
            glasses: whether glasses are worn; who was used last may have worn some too.

        Raises:
            LimelightError: there is no such person, or the file is damaged. Of who was used last that is only told, by
                `line`.
        """
        self.store = store
        self.glasses = glasses
        self._model, self._camera, self._changed = model, camera, changed
        self._know(None)
        self._problem = ""
        if name is None and (last := store.chosen()) is not None:
            chosen, self.glasses = last.name, glasses or last.glasses
        else:
            chosen = name or ""
        store.complete(model)
        try:
            self._know(store.load(chosen) if chosen else None)
        except LimelightError as error:
            if name is not None:
                raise
            self._problem = str(error)

    @property
    def name(self) -> str:
        """Of the known person; "" for nobody known."""
        return "" if self._person is None else self._person.name

    @property
    def line(self) -> str:
        """What of the person holds before this camera, or why there is none, in one line; "" for nobody known."""
        return self._problem if self._person is None else describe(self._person, self._carried, self.setup)

    @property
    def setup(self) -> Setup:
        """What a calibration that is made now holds for."""
        return Setup(self._camera(), self.glasses)

    @property
    def calibration(self) -> Calibration | None:
        """How the person's expressions are read before this camera; None for nobody known."""
        profile = self.profile(self._camera())
        return None if profile is None else profile.calibration

    def profile(self, camera: str) -> Profile | None:
        """Return what holds before a camera; None for nobody known."""
        person = self._carried or self._person
        return None if person is None else Profile.of(person, self._model, Setup(camera, self.glasses))

    def use(self, name: str, glasses: bool = False) -> None:
        """Take the performer for a known person from now on, "" for nobody known, and remember that, and the glasses.

        Raises:
            LimelightError: there is no such person, or the file is damaged.
        """
        person = self.store.load(name) if name else None
        self.store.choose(name or None, glasses)
        before = self._person
        other_glasses = person is not None and self.name == person.name and self.glasses != glasses
        self._know(person)
        self._problem, self.glasses = "", glasses
        if person is not None or before is not None:
            self._tell(performer=not other_glasses)

    def keep(self, guide: Guide, measured: StoredPerson) -> StoredPerson:
        """Store what a guided calibration measured of the performer, who is that person from now on; see `keep`.

        Raises:
            LimelightError: the neutral was not seen, or the person's file is damaged or cannot be written.
        """
        person = keep(self.store, guide, measured, self.setup)
        self.use(person.name, self.glasses)
        return person

    def adjust(self, expression: str, setting: str, value: float) -> None:
        """Change how the person's expressions are read, and store it; see `Calibration.with_setting`.

        Raises:
            LimelightError: nobody known is the performer, there is no such expression or setting, the value is out of
                range, or the file cannot be written.
        """
        if not self.name:
            raise LimelightError("nobody known is before the camera: choose a person, or calibrate one, then adjust")
        self._know(adjust(self.store, self.name, [(expression, setting, value)], self._model))
        self._tell(performer=False)

    def leave(self) -> None:
        """Take in that somebody else sits down, who is nobody known; who was used last is remembered still."""
        self._know(None)
        self._problem = ""

    def _know(self, person: StoredPerson | None) -> None:
        """Take in who is known, as stored; shape and skin are carried over to the face model in use once."""
        self._carried = None if person is None else person.carried_over(self._model)
        self._person = person

    def _tell(self, performer: bool) -> None:
        self._changed(self.profile(self._camera()), performer)
