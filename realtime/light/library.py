"""The environments that can be chosen: ours by their names, the user's panoramas by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from realtime.light.environments import ENVIRONMENTS, Environment
from realtime.light.panorama import load_environment


class EnvironmentLibrary(Mapping[str, Environment]):
    """Holds the environments, in the order that menus show them."""

    def __init__(self) -> None:
        self._environments = dict(ENVIRONMENTS)

    def __getitem__(self, name: str) -> Environment:
        return self._environments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environments)

    def __len__(self) -> int:
        return len(self._environments)

    def load(self, path: str | Path) -> str:
        """Read a panorama, again if it is there already; return the name that it has from now on, its full path.

        Raises:
            LimelightError: it cannot be read.
        """
        name = str(Path(path).expanduser().absolute())
        self._environments[name] = load_environment(Path(name))
        return name

    def add(self, name: str, environment: Environment) -> None:
        """Take in an environment that is no panorama, such as the light of a photograph, by a name of its own."""
        self._environments[name] = environment

    def need(self, names: Iterable[str]) -> None:
        """Read the panoramas among some names that are not there yet.

        Raises:
            LimelightError: one cannot be read.
        """
        for name in names:
            if name not in self._environments:
                self.load(name)
