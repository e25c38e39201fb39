"""The live networks: `student`, `student-open`, which never sees a photograph, and `resnet50`, a larger trunk."""

from __future__ import annotations

from dataclasses import replace

from training.config import AugmentConfig, LossWeights, TrainConfig
from training.networks.student import StudentConfig
from training.recipes import stages
from training.recipes.recipe import Recipe, Stage

RENDERS = 150_000

_LITE0 = StudentConfig(resolution=112, detail_channels=40)
_PLAIN = StudentConfig(resolution=112, frozen_blocks=0, backbone="plain", hidden=384)
_RESNET50 = StudentConfig(resolution=112, head_channels=96, detail_channels=32, hidden=384, backbone="resnet50")


def _with_heads(trunk: StudentConfig) -> StudentConfig:
    """Return the network with a trunk's form and heads, on crops that are a little larger."""
    return replace(trunk, resolution=128, trunk_resolution=112, expression_hidden=384, face_hidden=448)


TRUNK = TrainConfig(network=_LITE0)
FACE = TrainConfig(
    network=_with_heads(_LITE0),
    parts=("face_head",),
    guided_share=1.0,  # the labels stand in the trunk's place, whose errors are added to them
    guided_turn=0.12,
    batch_size=48,
    photo_share=0.4,
    learning_rate=2e-3,
    precision="bfloat16",
    augment=AugmentConfig(coarse_share=0.1, blur_share=0.2, cutout_share=0.15, flip_share=0.2),
    loss=LossWeights(
        expression=90.0,
        expression_rest=1.0,
        identity=1.0,
        face_points=2.0,
        key_direction=2.0,
        key_distance=0.1,
        sh_direction=3.0,
        shininess=0.3,
        shading=20.0,
        highlight=8.0,
    ),
)
EXPRESSION = replace(
    FACE,
    parts=("expression_head",),
    guided_turn=0.06,  # what the face head leaves of the trunk's error
    photo_share=0.2,
    negative_share=0.0,
    loss=replace(FACE.loss, lid_gap=0.4, lip_gap=0.3, region_points=2.0, unscored=1000.0),
)
OPEN_TRUNK = TrainConfig(
    network=_PLAIN,
    pretrained=False,
    batch_size=48,
    photo_share=0.0,
    negative_share=0.08,
    learning_rate=2e-3,
    backbone_rate=1.0,
    augment=AugmentConfig(shift=0.14, scale=0.18, angle=18.0),
    loss=LossWeights(identity=0.5),
)
OPEN_FACE, OPEN_EXPRESSION = (
    replace(head, network=_with_heads(_PLAIN), pretrained=False, photo_share=0.0) for head in (FACE, EXPRESSION)
)
RESNET50_TRUNK = TrainConfig(network=_RESNET50, photo_share=0.5, negative_share=0.06)
RESNET50_WHOLE = replace(RESNET50_TRUNK, network=_with_heads(_RESNET50))
RESNET50_STEP = replace(RESNET50_WHOLE, network=replace(_with_heads(_RESNET50), points_step=True))


def shown(last: str, prefix: str = "") -> tuple[Stage, ...]:
    """Return the stages that make a file, a report and a card of the network that the stage `last` leaves."""
    export, evaluate = f"{prefix}export", f"{prefix}evaluate"
    return (
        Stage(export, stages.export, (last,), hours=0.05),
        Stage(evaluate, stages.evaluate, (export,), hours=0.5),
        Stage(f"{prefix}card", stages.card, (evaluate,)),
    )


_TAUGHT = (
    Stage("labels", stages.photo_labels, hours=0.2),
    Stage("fits", stages.fits, ("labels",), hours=0.4),
    Stage("renders", stages.renders, ("fits",), hours=0.8, count=RENDERS),
    Stage("distil", stages.distill, ("labels",), hours=0.7, config=TRUNK),
    Stage("trunk", stages.train, ("distil",), hours=3.0, config=TRUNK),
    Stage("face", stages.train, ("trunk",), hours=6.5, config=FACE),
    Stage("expression", stages.train, ("face",), hours=6.6, config=EXPRESSION),
    Stage("appearance", stages.appearance, ("expression",), hours=0.5, count=280, config=FACE),
    Stage("readout", stages.readout, ("appearance",), hours=0.6, count=3000, config=FACE),
)


def _taught_again(
    name: str, face: TrainConfig, expression: TrainConfig, hours: tuple[float, float], views: int
) -> tuple[Stage, ...]:
    """Return the stages that go on from the earlier network `name`; what it knew, slower steps do not shake off."""
    face, expression = replace(face, learning_rate=1e-3), replace(expression, learning_rate=1e-3)
    renders = replace(face, photo_share=0.0)  # photographs have no labelled light
    before = f"{name}-before"
    return (
        Stage(before, stages.before, ("renders",), count=40, config=face),
        Stage("face", stages.train, (before,), hours=hours[0], config=face),
        Stage("expression", stages.train, ("face",), hours=hours[1], config=expression),
        Stage("appearance", stages.appearance_again, ("expression",), hours=0.06, count=3500, config=renders),
        Stage("readout", stages.readout, ("appearance",), hours=0.6, count=views, config=face),
    )


_TAUGHT_AGAIN = (*_TAUGHT[:3], *_taught_again("student", FACE, EXPRESSION, (2.5, 2.85), 3750))

STUDENT = Recipe(
    "student",
    "Pose and confidence by EfficientNet-Lite0, the rest by heads on close-ups; learned from renders and photographs.",
    (*_TAUGHT, *shown("readout")),
    (*_TAUGHT_AGAIN, *shown("readout")),
)

_OPEN_RENDERS = Stage("renders", stages.renders, hours=0.8, count=RENDERS)

STUDENT_OPEN = Recipe(
    "student-open",
    "The same from renders alone and from nothing: no photograph, nor weights that saw one, had a part in it.",
    (
        _OPEN_RENDERS,
        Stage("trunk", stages.train, hours=3.0, config=OPEN_TRUNK),
        Stage("face", stages.train, ("trunk",), hours=7.1, config=OPEN_FACE),
        Stage("expression", stages.train, ("face",), hours=7.1, config=OPEN_EXPRESSION),
        Stage("appearance", stages.appearance, ("expression",), hours=0.5, count=280, config=OPEN_FACE),
        Stage("readout", stages.readout, ("appearance",), hours=0.9, count=4500, config=OPEN_FACE),
        *shown("readout"),
    ),
    (
        replace(_OPEN_RENDERS, hours=0.4, count=RENDERS // 2),
        *_taught_again("student-open", OPEN_FACE, OPEN_EXPRESSION, (0.8, 1.0), 3000),
        *shown("readout"),
    ),
    photographs=False,
)

RESNET50 = Recipe(
    "resnet50",
    "The student's heads behind a ResNet-50; in the student's folder all but the trunk is done already.",
    (
        *_TAUGHT,
        Stage("resnet50-trunk", stages.train, hours=3.0, config=RESNET50_TRUNK),
        Stage("resnet50", stages.assemble, ("resnet50-trunk", "readout"), config=RESNET50_STEP),
        *shown("resnet50", "resnet50-"),
    ),
    (
        *_TAUGHT_AGAIN,
        Stage("resnet50-before", stages.before, count=40, config=RESNET50_WHOLE),
        Stage("resnet50-trunk", stages.train, ("resnet50-before",), hours=1.0, config=RESNET50_TRUNK),
        Stage("resnet50", stages.assemble, ("resnet50-trunk", "readout"), config=RESNET50_STEP),
        *shown("resnet50", "resnet50-"),
    ),
)
