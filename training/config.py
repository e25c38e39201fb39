"""How one network is trained: frozen dataclasses, of which a recipe gives the values that differ from the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from platformdirs import user_cache_path

from training.losses.extra_losses import ExtraWeights
from training.losses.paper_losses import PaperWeights
from training.networks.checkpoint import NetworkConfig
from training.networks.student import StudentConfig


@dataclass(frozen=True)
class AugmentConfig:
    """Bounded changes of a training crop; geometry and exposure change the labels with the picture.

    Attributes:
        shift: largest shift of the crop, share of its side (a tracker's crop lags behind a moving head).
        scale: largest change of the crop's side, natural logarithm.
        angle: largest turn of the crop, degrees.
        exposure: largest exposure change, natural logarithm of linear light.
        white_balance: largest change of one channel against the others, natural logarithm.
        tone: largest change of the camera's tone curve, natural logarithm of its exponent (labels stay).
        noise: largest standard deviation of sensor noise, 0..255.
        blur: largest Gaussian blur, px of the network's input.
        blur_share, coarse_share, jpeg_share, cutout_share, flip_share: probability of a blur, of a picture of
            lower resolution, of JPEG artefacts, of an occluding patch, of a mirrored picture.
        jpeg_quality: the worst.
        cutout: largest side of the patch, share of the crop's side.
    """

    shift: float = 0.10
    scale: float = 0.13
    angle: float = 12.0
    exposure: float = 0.35
    white_balance: float = 0.10
    tone: float = 0.15
    noise: float = 8.0
    blur: float = 1.5
    blur_share: float = 0.3
    coarse_share: float = 0.2
    jpeg_share: float = 0.2
    jpeg_quality: int = 30
    cutout_share: float = 0.3
    cutout: float = 0.35
    flip_share: float = 0.3


@dataclass(frozen=True)
class LossWeights:
    """Weight of every term of `training.losses.label_losses`, per its unit.

    Attributes:
        landmarks: per px, the projected model against MediaPipe's points (photos) or the truth (renders).
        jaw: per px, the jaw line of the 68 points; of renders.
        lid_gap, lip_gap: per px.
        vertices: per mm, face region with identity and expression.
        rotation: per radian. translation: per px. scale: per e-fold.
        expression: per squared unit of weight. expression_mm: per mm at lips, lids, brows, irises and the rest of the
            face. expression_rest: per unit of weight where the label is at rest. unscored: per squared unit of weight,
            of the units that MediaPipe hardly scores, on renders; on top of `expression`.
        identity: per mm, face region, identity alone. identity_prior: per squared coefficient.
        albedo, irradiance, shading, highlight: per unit of (square root of) linear colour.
        key_direction, key_distance, shininess: per 1 - cosine, per e-fold, per e-fold.
        sh_direction: per 1 - cosine, of where most of the SH light comes from.
        light_agreement: per unit of the cosine between the key light and where most of the SH light comes from.
        confidence: per nat.
        region_points, face_points: per px, the points that the expression and the face head place by themselves.
        point_uncertainty: per nat, what the heads say of those points' errors.
    """

    landmarks: float = 0.2
    jaw: float = 0.1
    lid_gap: float = 0.15
    lip_gap: float = 0.1
    vertices: float = 0.15
    rotation: float = 6.0
    translation: float = 0.05
    scale: float = 4.0
    expression: float = 30.0
    expression_mm: float = 3.0
    expression_rest: float = 2.0
    unscored: float = 0.0
    identity: float = 0.2
    identity_prior: float = 0.002
    albedo: float = 3.0
    irradiance: float = 2.0
    shading: float = 12.0
    highlight: float = 4.0
    key_direction: float = 0.2
    key_distance: float = 0.05
    sh_direction: float = 0.1
    light_agreement: float = 1.0
    shininess: float = 0.05
    confidence: float = 0.3
    region_points: float = 0.3
    face_points: float = 0.3
    point_uncertainty: float = 0.02


@dataclass(frozen=True)
class PaperConfig:
    """What the paper's objective learns from photos, and how; every loss beyond the paper is off at a weight of 0.

    Attributes:
        render_size: side of the rendered faces and of what they are compared with, px.
        weights: of Eq. 6, and the other numbers of the paper.
        dense_landmarks: per px, MediaPipe's 478 points.
        extra: weights of the other losses beyond the paper.
        company: pictures of one person that come together in a batch, where there are so many; 1 leaves it to chance.
            Shared identity and albedo need 2.
        labelled: labelled crops that come beside the photos in a batch and are learned from by their labels, with the
            weights of `loss`; 0 for none.
        label_weight: of all their losses against the photos'.
    """

    render_size: int = 224
    weights: PaperWeights = field(default_factory=PaperWeights)
    dense_landmarks: float = 0.0
    extra: ExtraWeights = field(default_factory=ExtraWeights)
    company: int = 1
    labelled: int = 0
    label_weight: float = 1.0


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        cache: folder for fetched weights of other projects.
        initial: checkpoint of a network of the same kind, or file of a student's trunk weights (see
            `training.tasks.distill_task`), to start from; empty for none.
        initial_heads: checkpoint of a student whose heads to start from beside it; empty for none.
        pretrained: without `initial`, start from ImageNet weights.
        parts: of the network that are trained (`trunk`, `regressor`, `expression_head`, `face_head`); empty for all.
        guided_share: of the schedule, during which the heads among `parts` learn with labels in the trunk's place.
        guided_turn: typical error of the rotation, radians, that is added to those: about what the trunk's will be.
        seed: of everything random.
        steps: length of the schedule in batches, where no time is given.
        batch_size: crops a step.
        photo_share, negative_share: of a batch of labelled crops; the rest are renders.
        optimizer: `adamw`, or `adam` as the paper.
        schedule: of the learning rate after the warm-up: `cosine`, or `constant` as the paper's.
        learning_rate, backbone_rate: peak of the head, and the backbone's share of it.
        weight_decay: the optimizer's.
        warmup: share of the schedule.
        gradient_norm: clip; 0 for none.
        average: decay of the weights' moving average, which is what is validated and exported.
        threads: PyTorch's; 0 leaves it the choice, which is all cores unless OMP_NUM_THREADS says otherwise.
        precision: `float32`, or `bfloat16` for the network's arithmetic (losses and weights stay float32).
        checkpoint_minutes, validation_minutes: intervals.
        validation_samples: of photos and of renders each, at most.
    """

    cache: str = field(default_factory=lambda: str(user_cache_path("limelight") / "weights"))
    initial: str = ""
    initial_heads: str = ""
    pretrained: bool = True
    parts: tuple[str, ...] = ()
    guided_share: float = 0.0
    guided_turn: float = 0.05
    seed: int = 0
    steps: int = 20000
    batch_size: int = 32
    photo_share: float = 0.25
    negative_share: float = 0.05
    optimizer: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    learning_rate: float = 1e-3
    backbone_rate: float = 0.5
    weight_decay: float = 0.01
    warmup: float = 0.03
    gradient_norm: float = 5.0
    average: float = 0.998
    threads: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_minutes: float = 3.0
    validation_minutes: float = 5.0
    validation_samples: int = 512
    network: NetworkConfig = field(default_factory=StudentConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    paper: PaperConfig = field(default_factory=PaperConfig)
