"""Carries what an earlier network of the same form has learned over to another face model.

Encoders, points and confidence know nothing of the face model. Numbers of the parameter vector that mean the same with
every model (expression, pose, light) keep their weights, at the deviations of the new labels; identity and albedo,
whose coefficients belong to a model's own bases, begin anew with another model. What is read of identity off the points
always does: it is solved for when the points are learned, and would disturb their learning. So does the step towards
the points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from facemodel import FaceModel, LimelightError, ParameterLayout
from training.networks.checkpoint import NetworkCheckpoint
from training.networks.face_head import GROUPS
from training.networks.student import Student, StudentConfig

_OF_THE_MODEL = ("identity", "albedo")
_SOLVED = "identity off the points"


def carry_over(earlier: NetworkCheckpoint, network: Student, model: FaceModel) -> None:
    """Give a new network the weights of an earlier one, which may be of another face model.

    Args:
        earlier: what is carried over.
        network: gets it.
        model: the new network's.
    Raises LimelightError: the two are not of one form, or their face models have other expressions.
    """
    old, new = earlier.layout, network.layout
    config = replace(earlier.config, points_step=False) if isinstance(earlier.config, StudentConfig) else earlier.config
    if config != network.config:
        raise LimelightError("initial network: of another form than the recipe's; begin with one of the same recipe")
    if old.expression_names != new.expression_names:
        raise LimelightError("initial network: its face model has other expressions than the one to train for")
    state, weights = network.state_dict(), earlier.weights
    anew = (_SOLVED,) if earlier.model_digest == model.digest else (_SOLVED, *_OF_THE_MODEL)
    scale, shift = _between(earlier, network, anew)
    carried = {name: value for name, value in weights.items() if name in state and value.shape == state[name].shape}
    carried |= {name: state[name] for name in ("decoder.mean", "decoder.std")}
    layers: list[tuple[str, Sequence[str], bool]] = [("regressor", (*new.slices, "confidence"), True)]
    if network.expression_head is not None:
        layers.append(("expression_head.regressor", ("expression",), True))
    if network.face_head is not None:
        last = len(network.face_head.appearance) - 1
        layers.append(("face_head.regressor", GROUPS, True))
        layers.append((f"face_head.appearance.{last}", GROUPS[1:], False))  # added to the one before
        layers.append(("face_head.geometry", (_SOLVED, "pose"), False))
    for layer, groups, shifted in layers:
        for kind in ("weight", "bias"):
            name = f"{layer}.{kind}"
            mine, theirs = state[name].split(_sizes(new, groups)), weights[name].split(_sizes(old, groups))
            added = shift if shifted and kind == "bias" else {}
            carried[name] = torch.cat(
                [
                    own if group in anew else _times(rows, scale.get(group)) + added.get(group, 0.0)
                    for group, own, rows in zip(groups, mine, theirs, strict=True)
                ]
            )
    network.load_state_dict(carried)


def _between(
    earlier: NetworkCheckpoint, network: Student, anew: Sequence[str]
) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """Return, by group, what standardised outputs of the earlier network are multiplied by, and what is added.

    Groups that begin `anew` have neither.
    """
    mean, std = earlier.weights["decoder.mean"], earlier.weights["decoder.std"]
    scale, shift = {}, {}
    for name, own in network.layout.slices.items():
        if name not in anew:
            theirs = earlier.layout.slices[name]
            scale[name] = std[theirs] / network.decoder.std[own]
            shift[name] = (mean[theirs] - network.decoder.mean[own]) / network.decoder.std[own]
    return scale, shift


def _times(rows: Tensor, factors: Tensor | None) -> Tensor:
    """Return rows (N, I) or (N,), each times its factor of (N,)."""
    return rows if factors is None else rows * factors.reshape(-1, *[1] * (rows.ndim - 1))


def _sizes(layout: ParameterLayout, groups: Sequence[str]) -> list[int]:
    """Return how many rows of a layer belong to each group."""
    identity = layout.slices["identity"]
    others = {"confidence": 1, "pose": 9, _SOLVED: identity.stop - identity.start}
    return [others[n] if n in others else layout.slices[n].stop - layout.slices[n].start for n in groups]


_CHANNEL_NORM = 2.0**0.5
"""Length of a channel's weights where convolutions are initialised as by He et al. (ICCV 2015)."""


@torch.no_grad()
def settle_norms(network: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Give batch norms the statistics of what they see, and weights with which they say what they said.

    The norms of an exported network are folded into its convolutions. Training, which normalises by every batch, would
    begin with another network than it was; and convolutions whose weights are small, which says nothing before a norm,
    would forget within a few steps what they knew. So they get the length of new ones.

    Args:
        network: in any mode; it is left as it was.
        inputs: what it is called with, at least one.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in norms}
    made: list[tuple[nn.Conv2d, Tensor]] = []  # the last convolution, and what it has made
    before: dict[nn.Module, nn.Conv2d] = {}

    def note(conv: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        made[:] = [(conv, output)]

    def add(norm: nn.BatchNorm1d | nn.BatchNorm2d, seen: tuple[Tensor, ...]) -> None:
        if made and seen[0] is made[0][1]:
            before[norm] = made[0][0]
        values = seen[0].transpose(0, 1).flatten(1).double()  # (C, n)
        sums[norm] += torch.stack([torch.ones_like(values).sum(1), values.sum(1), values.square().sum(1)])

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    hooks += [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.Conv2d)]
    training = network.training
    network.eval()
    for batch in inputs:
        network(batch)
    network.train(training)
    for hook in hooks:
        hook.remove()
    for norm, (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0.0)
        slope = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        level = norm.bias.double() + (mean - norm.running_mean.double()) * slope
        zoom = _lengthened(before[norm]) if norm in before else torch.ones_like(mean)
        norm.running_mean.copy_(mean * zoom)
        norm.running_var.copy_(variance * zoom.square())
        norm.weight.copy_(slope / zoom * (variance * zoom.square() + norm.eps).sqrt())
        norm.bias.copy_(level)


def _lengthened(conv: nn.Conv2d) -> Tensor:
    """Give every channel's weights of a convolution without bias one length; return by what they grew (C,)."""
    assert conv.bias is None, "expected a convolution without bias before a norm"
    length = conv.weight.double().flatten(1).norm(dim=1)
    zoom = torch.where(length > 1e-6, _CHANNEL_NORM / length, 1.0)
    conv.weight.mul_(zoom[:, None, None, None])
    return zoom
