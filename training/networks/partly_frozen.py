"""Networks of which a part keeps its weights and statistics while the rest learns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from torch import nn


class PartlyFrozen(nn.Module):
    """A network whose frozen part never leaves evaluation mode: its batch statistics stay what they are."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen: tuple[nn.Module, ...] = ()

    def freeze(self, modules: Iterable[nn.Module]) -> None:
        """Freeze some of the network's modules; said once."""
        self._frozen = tuple(modules)  # a tuple, so that they are not registered twice
        for module in self._frozen:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As usual, but for the frozen part."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self
