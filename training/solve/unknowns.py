"""What a solve looks for: parameter vectors as steps away from where the network put them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor, nn

from facemodel import ParameterLayout
from training.networks.decoder import ParameterDecoder
from training.solve.config import Deviations

PERSON = ("identity", "albedo")
"""Groups that belong to the person and not to the picture."""


class Unknowns(nn.Module):
    """Parameter vectors (B, P) that any step leaves valid, in units in which steps of all groups are alike.

    Attributes:
        offsets: (B, P) what an optimiser changes: deviation from the start, in units of `Deviations`.

    Args:
        start: (B, P) where to begin, pose in crop px.
        deviations: the units.
        shared: groups that are one for all rows; they begin at the rows' mean.
        fixed: groups that stay.
    """

    start: Tensor
    units: Tensor

    def __init__(
        self,
        layout: ParameterLayout,
        start: Tensor,
        deviations: Deviations,
        shared: Sequence[str] = (),
        fixed: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.layout = layout
        self._decoder = ParameterDecoder(layout)
        raw = self._decoder.raw(start.float())
        for name in shared:
            span = layout.slices[name]
            raw[:, span] = raw[:, span].mean(dim=0)
        self._shared, self._fixed = ([layout.slices[name] for name in names] for names in (shared, fixed))
        self.register_buffer("start", raw)
        self.register_buffer("units", unit_vector(layout, deviations))
        self.offsets = nn.Parameter(torch.zeros_like(raw))

    def forward(self) -> Tensor:
        """Return the parameters (B, P)."""
        return self._decoder(self._raw() - self._decoder.mean)

    def at_start(self) -> Tensor:
        """Return the parameters (B, P) that it begins with."""
        return self._decoder(self.start - self._decoder.mean)

    def deviation(self, parameters: Tensor) -> Tensor:
        """Return (B, P) how far parameters (B, P) are from the start, in units of `Deviations`."""
        return (self._decoder.raw(parameters) - self.start) / self.units

    @torch.no_grad()
    def confine(self) -> None:
        """Bring back what a step took beyond a bound, so that the next one counts from there."""
        self.offsets.copy_(torch.nan_to_num(self.deviation(self())))

    def _raw(self) -> Tensor:
        offsets = self.offsets.clone()
        for span in self._shared:
            offsets[:, span] = self.offsets[:, span].mean(dim=0, keepdim=True)
        for span in self._fixed:
            offsets[:, span] = 0.0
        return self.start + offsets * self.units


def unit_vector(layout: ParameterLayout, deviations: Deviations) -> Tensor:
    """Return (P,) the unit of every number of the vector."""
    units = torch.empty(layout.size)
    for name, value in asdict(deviations).items():
        units[layout.slices[name]] = value
    return units
