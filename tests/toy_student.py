"""A small student with heads, which finds and follows."""

from __future__ import annotations

import torch

from facemodel import ParameterLayout
from training.networks import Student, StudentConfig


def toy_student(layout: ParameterLayout, side: int, spread: float) -> Student:
    """A student of crops of `side` px that learned nothing, whose regressors' weights have a deviation of `spread`."""
    torch.manual_seed(0)
    config = StudentConfig(
        resolution=side,
        head_channels=8,
        hidden=16,
        backbone="plain",
        frozen_blocks=0,
        expression_hidden=16,
        face_hidden=16,
    )
    student = Student(config, layout).eval()
    assert student.expression_head is not None and student.face_head is not None
    for layer in (student.regressor, student.expression_head.regressor, student.face_head.regressor):
        torch.nn.init.normal_(layer.weight, std=spread)
    return student
