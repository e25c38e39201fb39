"""Person lock: identity and albedo belong to the person, so they converge and then stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PersonLockConfig:
    """Attributes:
    evidence: summed weight after which the person is frozen; a frontal, confident frame weighs 1.
    """

    evidence: float = 120.0


class PersonLock:
    """Weighted mean of per-frame coefficients that freezes once enough frames agree on one person."""

    def __init__(self, size: int, config: PersonLockConfig | None = None) -> None:
        self.config = config or PersonLockConfig()
        self._mean = np.zeros(size)
        self._weight = 0.0

    @property
    def frozen(self) -> bool:
        return self._weight >= self.config.evidence

    def settle(self, coefficients: NDArray) -> None:
        """Take (size,) coefficients for the person's, as of somebody who is known already."""
        self._mean[:] = coefficients
        self._weight = self.config.evidence

    def reset(self) -> None:
        """Forget the person."""
        self._weight = 0.0

    def update(self, coefficients: NDArray, weight: float) -> NDArray:
        """Take in one frame's coefficients (size,) with a weight in 0..1 and return the person's (size,)."""
        if not self.frozen and weight > 0.0:
            self._weight += weight
            self._mean += (coefficients - self._mean) * min(1.0, weight / self._weight)
        return self._mean if self._weight > 0.0 else np.asarray(coefficients)
