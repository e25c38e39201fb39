"""What a solve trusts how much, and how long it looks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deviations:
    """How far the truth lies from the network's answer, by group: the spread of the prior, and the unit of a step.

    They are near the root mean squares over held-out renders; of `sh` and `key_color`, which have long tails, half.

    Attributes:
        identity, albedo: of a coefficient that is N(0, 1). expression: of a weight. rotation: of a number of the 6-D
        form. translation: crop px. scale, shininess: of the natural logarithm. sh: of a coefficient. key_position:
        mm. key_color: linear RGB.
    """

    identity: float = 1.1
    expression: float = 0.16
    albedo: float = 1.2
    rotation: float = 0.05
    translation: float = 6.0
    scale: float = 0.08
    sh: float = 0.25
    key_position: float = 300.0
    key_color: float = 0.5
    shininess: float = 0.8


@dataclass(frozen=True)
class SolveWeights:
    """Weight of each term of the objective, per picture.

    Attributes:
        color: of the picture's colours.
        contrast: of the differences between neighbouring colours, which light, exposure and skin tone hardly change.
        landmarks: the paper's Eq. 10, in units of the points' doubt, half the distance of MediaPipe's from the
            network's. important: of brows and outer mouth in it.
        dense_landmarks: of MediaPipe's 478 points, in the same units.
        openings: of the distances between the lids, and between the lips, in the same units.
        inner_mouth: the paper's Eq. 11.
        sparsity: of expression weights; see `objective.sparsity`.
        key_tint: per squared difference of the key light's linear colour to one that has the SH light's tint.
        network: per squared deviation of a number from the network's answer, in units of `Deviations`; a large one
            counts in proportion, since a network that errs may err by much.
        acceleration: of a clip's frames, per unit of `Deviations` / frame^2 if small, averaged over what moves.
    """

    color: float = 25.0
    contrast: float = 60.0
    landmarks: float = 2.0e-3
    important: float = 20.0
    dense_landmarks: float = 0.3
    openings: float = 0.12
    inner_mouth: float = 5.0e-4
    sparsity: float = 0.03
    key_tint: float = 2.0
    network: float = 0.002
    acceleration: float = 2.0


@dataclass(frozen=True)
class SolveConfig:
    """How a solve runs.

    Attributes:
        weights, deviations: see there.
        levels: (side of the rendered picture in px, share of the steps), coarse to fine. Sides divide 224.
        steps: of Adam, for an image.
        person_steps, frame_steps: for a clip's person, and for each window of its frames.
        rate, last_rate: of Adam at the first and last step, in units of `Deviations`.
        tolerance: colour difference, sRGB 0..1, beyond which a pixel counts with its logarithm.
        keyframes: of a clip that its person is solved on.
        window, overlap: frames of a clip that are solved together, and how many more of the next ones beside them.
        light_seconds: over which the network's answers for a clip's light are averaged before it is solved.
    """

    weights: SolveWeights = field(default_factory=SolveWeights)
    deviations: Deviations = field(default_factory=Deviations)
    levels: tuple[tuple[int, float], ...] = ((56, 0.4), (112, 0.6))
    steps: int = 150
    person_steps: int = 150
    frame_steps: int = 60
    rate: float = 0.1
    last_rate: float = 0.01
    tolerance: float = 0.03
    keyframes: int = 12
    window: int = 16
    overlap: int = 4
    light_seconds: float = 1.0

    @classmethod
    def of_steps(cls, steps: int) -> SolveConfig:
        """Return the usual solve with another number of steps, and as many for a clip in proportion."""
        return cls(steps=steps, person_steps=steps, frame_steps=max(1, round(0.4 * steps)))

    def schedule(self, steps: int) -> list[tuple[int, int]]:
        """Return (side, number of steps) of each level, together `steps`; every level has at least one."""
        counts = [max(1, round(steps * share)) for _, share in self.levels]
        counts[-1] = max(1, steps - sum(counts[:-1]))
        return [(side, count) for (side, _), count in zip(self.levels, counts, strict=True)]
