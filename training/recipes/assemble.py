"""One student of several that were trained apart: one's trunk, another's face head, a third's expression head.

`python -m training.recipes.assemble --trunk FILE --face FILE --expression FILE --out FILE`. Heads that learn with the
labels in the trunk's place (`guided_share`) do not need each other, so each can have a processor core of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from facemodel import LimelightError, ParameterLayout
from training.networks import NetworkCheckpoint, Student, StudentConfig, load_network
from training.networks.checkpoint import write_checkpoint

_OF_TRUNK = ("trunk.", "regressor.", "decoder.")


def assemble(trunk: NetworkCheckpoint, face: NetworkCheckpoint, expression: NetworkCheckpoint) -> NetworkCheckpoint:
    """A student with the trunk of one, the face head of another and the expression head of a third.

    Args:
        trunk: what says where the head is; its heads, if any, are left out.
        face: with a face head, whose standardisation of the outputs is the new network's.
        expression: with an expression head.

    Raises:
        LimelightError: one is no student or lacks its head, or they belong to several face models.
    """
    body, front, mouth = (_student_config(part) for part in (trunk, face, expression))
    for part in (face, expression):
        if (part.model_digest, part.layout) != (trunk.model_digest, trunk.layout):
            raise LimelightError(
                f"assemble: parts of several face models ({trunk.model_name} and {part.model_name}); "
                "a network belongs to one"
            )
    if not front.face_hidden:
        raise LimelightError("assemble: no face head where one should come from")
    if not mouth.expression_hidden:
        raise LimelightError("assemble: no expression head where one should come from")
    if front.resolution != mouth.resolution:
        raise LimelightError(
            f"assemble: the heads see crops of {front.resolution} and of {mouth.resolution} px; they must see the same"
        )
    config = replace(
        body,
        resolution=front.resolution,
        trunk_resolution=body.trunk_side,
        face_hidden=front.face_hidden,
        expression_hidden=mouth.expression_hidden,
    )
    network = Student(config, trunk.layout)
    own = {name: value for name, value in trunk.weights.items() if name.startswith(_OF_TRUNK)}
    heads = {name: value for name, value in face.weights.items() if name.startswith(("face_head.", "decoder."))}
    try:
        network.load_state_dict(network.state_dict() | own)
    except RuntimeError as error:
        raise LimelightError("assemble: the trunk's weights are not those of a network of its form") from error
    network.take_heads(heads | restandardised_expression(expression.weights, face.weights, trunk.layout))
    return replace(trunk, config=config, weights=network.state_dict())


def _student_config(part: NetworkCheckpoint) -> StudentConfig:
    if not isinstance(part.config, StudentConfig):
        raise LimelightError(f"assemble: a {part.kind} among the parts; only students have heads")
    return part.config


def restandardised_expression(
    weights: dict[str, Tensor], other: dict[str, Tensor], layout: ParameterLayout
) -> dict[str, Tensor]:
    """The expression head in a student's state dict, saying the same where another's decoder reads it.

    Args:
        weights: with the expression head.
        other: with `decoder.mean` and `decoder.std` (P,).
        layout: of the parameter vector.
    """
    span = layout.slices["expression"]
    head = {name: value for name, value in weights.items() if name.startswith("expression_head.")}
    weight, bias = "expression_head.regressor.weight", "expression_head.regressor.bias"
    mean, std = weights["decoder.mean"][span], weights["decoder.std"][span]
    new_mean, new_std = other["decoder.mean"][span], other["decoder.std"][span]
    return head | {
        weight: head[weight] * (std / new_std)[:, None],
        bias: (head[bias] * std + mean - new_mean) / new_std,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Put the parts of several students together.")
    parser.add_argument("--trunk", type=Path, required=True, help="checkpoint whose trunk finds the head")
    parser.add_argument("--face", type=Path, required=True, help="checkpoint with the face head")
    parser.add_argument("--expression", type=Path, help="checkpoint with the expression head; --face if left out")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        parts = [load_network(path) for path in (options.trunk, options.face, options.expression or options.face)]
        out = write_checkpoint(options.out, {"network": assemble(*parts).to_dict()})
    except LimelightError as error:
        parser.exit(1, f"{error}\n")
    print(f"assemble: {out}")


if __name__ == "__main__":
    main()
