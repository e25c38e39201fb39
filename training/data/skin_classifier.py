"""The skin classifier of Eq. 9: naive Bayes with a Gaussian mixture each for the colours of skin and of all else.

Naive in that every pixel is judged by its own colour alone. The paper names no colour space, number of Gaussians or
prior. YCbCr and a prior of 0.8 are those of the work that it follows (Deng et al. 2019, "Accurate 3D face
reconstruction with weakly-supervised learning", in its published code): the question is asked inside the face mask
alone, most of which is skin. Gaussians are more than its four a side, for tones from the lightest to the darkest, each
of which counts alike in training. Covariances are full, so that any linear colour space would do.

`limelight train --recipe segmentation` makes it from pictures with label maps. Highlights are skin, lips and brows
belong to neither side. On 80 renders kept apart the area under the ROC curve is 0.937 for one that learned from 180
renders, and 0.915 for the shipped one, which learned from 1,000 kinder renders and as many photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from facemodel import LimelightError
from facemodel.array_files import read_arrays
from facemodel.whole_files import whole_file
from training.data.segmentation import SegmentationSamples
from training.data.skin_pixels import LabelledPixels, labelled_pixels

_FORMAT_VERSION = 1
_ARRAYS, _SHAPES = ("weights", "means", "precisions_cholesky"), ((), (3,), (3, 3))
_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_TONE_BINS = 6
_LARGEST_REPEAT = 8.0  # how much more often than seen a rare tone is drawn, at most


@dataclass(frozen=True)
class ClassifierConfig:
    """How the classifier is fitted.

    Attributes:
        skin_components, other_components: Gaussians a side.
        prior: probability of skin before a pixel is seen.
        noise: variance, in 0..255 levels squared, added to every Gaussian.
        most_pixels: a side that the fit uses, at most.
        seed: of everything random.
    """

    skin_components: int = 8
    other_components: int = 12
    prior: float = 0.8
    noise: float = 4.0
    most_pixels: int = 60000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class SkinClassifier:
    """Probability that a pixel is skin.

    Attributes:
        skin, other: mixtures of Gaussians over colours (Y, Cb, Cr).
        prior: probability of skin before a pixel is seen, 0..1.
    """

    skin: GaussianMixture
    other: GaussianMixture
    prior: float

    @classmethod
    def fit(cls, pixels: LabelledPixels, config: ClassifierConfig | None = None) -> SkinClassifier:
        """Fit both mixtures with scikit-learn, all tones of skin counting alike as far as there are pixels.

        Raises LimelightError: fewer pixels than ten a Gaussian on either side.
        """
        config = config or ClassifierConfig()
        rng = np.random.default_rng(config.seed)
        skin = pixels.colors[pixels.skin][even_tones(pixels.tone[pixels.skin], config.most_pixels, rng)]
        other = pixels.colors[~pixels.skin]
        other = other[rng.permutation(len(other))[: config.most_pixels]]
        sides = ("skin", skin, config.skin_components), ("other", other, config.other_components)
        first, second = (_fit_mixture(*side, config) for side in sides)
        return cls(first, second, config.prior)

    def posterior(self, colors: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of skin 0..1 of sRGB colours, (N, 3) uint8 to (N,)."""
        values = ycbcr(colors)
        if not len(values):
            return np.zeros(0)
        odds = np.log(self.prior / (1.0 - self.prior))
        odds = odds + self.skin.score_samples(values) - self.other.score_samples(values)
        small = np.exp(-np.abs(odds))
        return np.where(odds >= 0.0, 1.0, small) / (1.0 + small)

    def probability(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability p of Eq. 9 at every pixel of an sRGB picture, (H, W, 3) uint8 to (H, W) 0..1.

        Raises ValueError: not such a picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
        return self.posterior(image.reshape(-1, 3)).astype(np.float32).reshape(image.shape[:2])

    def save(self, path: Path) -> Path:
        """Write to an `.npz` file, which appears whole or not at all; returns the path.

        Raises LimelightError: the file cannot be written.
        """
        arrays = {"format_version": np.array(_FORMAT_VERSION), "prior": np.array(self.prior)}
        for side in ("skin", "other"):
            arrays |= {f"{side}_{name}": getattr(getattr(self, side), f"{name}_") for name in _ARRAYS}
        with whole_file(path, f"skin classifier {path}") as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return path

    @classmethod
    def load(cls, path: Path) -> SkinClassifier:
        """Read what `save` wrote.

        Raises LimelightError: the file is missing, unreadable or malformed; the message names the array.
        """
        if not path.is_file():
            raise LimelightError(f"skin classifier {path}: no such file; the recipe 'segmentation' makes one")
        arrays = read_arrays(path, f"skin classifier {path}")
        if arrays.get("format_version", np.zeros(())) != _FORMAT_VERSION:
            raise LimelightError(f"skin classifier {path}: array 'format_version' is not {_FORMAT_VERSION}")
        sizes = {side: arrays.get(f"{side}_weights", np.zeros(0)).size for side in ("skin", "other")}
        shapes: dict[str, tuple[int, ...]] = {"prior": ()}
        for side, count in sizes.items():
            shapes |= {f"{side}_{name}": (count, *shape) for name, shape in zip(_ARRAYS, _SHAPES, strict=True)}
        for name, shape in shapes.items():
            array = arrays.get(name, np.zeros(0, bool))
            if array.dtype.kind != "f" or not np.isfinite(array).all() or array.shape != shape or not array.size:
                raise LimelightError(f"skin classifier {path}: array '{name}': expected finite numbers {shape}")
        if not 0.0 < arrays["prior"] < 1.0:
            raise LimelightError(f"skin classifier {path}: array 'prior': expected a number between 0 and 1")
        for side in sizes:
            for name, values in (
                (f"{side}_weights", arrays[f"{side}_weights"]),
                (f"{side}_precisions_cholesky", np.diagonal(arrays[f"{side}_precisions_cholesky"], 0, 1, 2)),
            ):
                if (values <= 0.0).any():
                    raise LimelightError(f"skin classifier {path}: array '{name}': expected numbers above 0")
        skin, other = (gaussians(*(arrays[f"{side}_{name}"] for name in _ARRAYS)) for side in sizes)
        return cls(skin, other, float(arrays["prior"]))


def gaussians(weights: NDArray, means: NDArray, precisions_cholesky: NDArray) -> GaussianMixture:
    """Return the mixture of K Gaussians with weights (K,), means (K, 3) and roots (K, 3, 3).

    A root C is upper triangular; the inverse covariance is C C^T.
    """
    mixture = GaussianMixture(len(weights))
    mixture.weights_, mixture.means_, mixture.precisions_cholesky_ = weights, means, precisions_cholesky
    return mixture


def ycbcr(colors: NDArray) -> NDArray[np.float64]:
    """Return Y 0..255, Cb and Cr -128..128 (full range, BT.601) of sRGB colours 0..255, (N, 3) to (N, 3)."""
    return np.asarray(colors, dtype=np.float64) @ _YCBCR.T


def even_tones(tones: NDArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the indices of `count` pixels, or of all if there are fewer; all tones (N,) come about as often.

    Tones are compared on a logarithmic scale between their 1st and 99th percentile.
    """
    if len(tones) == 0:
        return np.zeros(0, np.int64)
    logarithm = np.log(np.maximum(tones, 1e-3))
    low, high = np.percentile(logarithm, (1, 99))
    position = (logarithm - low) / max(high - low, 1e-9) * _TONE_BINS
    bins = np.clip(position.astype(int), 0, _TONE_BINS - 1)
    share = np.bincount(bins, minlength=_TONE_BINS) / len(tones)
    repeat = np.minimum(1.0 / np.maximum(share * (share > 0).sum(), 1e-9), _LARGEST_REPEAT)[bins]
    return rng.choice(len(tones), min(count, len(tones)), p=repeat / repeat.sum())


def separation(classifier: SkinClassifier, pixels: LabelledPixels) -> tuple[float, float, float]:
    """Measure how well pixels are told apart.

    Returns: Area under the ROC curve, and the shares of skin and of other pixels that count as skin in full (p > 0.5).
        NaN where there are none.
    """
    probability = classifier.posterior(pixels.colors)
    if not pixels.skin.any() or pixels.skin.all():
        return float("nan"), float("nan"), float("nan")
    found = probability > 0.5
    return (
        float(roc_auc_score(pixels.skin, probability)),
        float(found[pixels.skin].mean()),
        float(found[~pixels.skin].mean()),
    )


def _fit_mixture(name: str, colors: NDArray[np.uint8], components: int, config: ClassifierConfig) -> GaussianMixture:
    if len(colors) < 10 * components:
        raise LimelightError(f"skin classifier: {len(colors)} {name} pixels, too few for {components} Gaussians")
    mixture = GaussianMixture(components, reg_covar=config.noise, random_state=config.seed, max_iter=200)
    return mixture.fit(ycbcr(colors))


def learn_skin(pictures: Sequence[SegmentationSamples], seed: int = 0) -> tuple[SkinClassifier, dict[str, float]]:
    """Fit the classifier to pictures with label maps, and measure it on those that are held out.

    Hands are background in label maps: pictures for this show none.

    Args:
        pictures: of `training.data.segmentation.load_segmentation`.
        seed: of everything random.
    Returns: The classifier, and `separation` on held-out pictures by the name of each figure.
    Raises LimelightError: too few pixels of skin, or of other things.
    """
    rng = np.random.default_rng(seed)
    parts: dict[bool, list[LabelledPixels]] = {False: [], True: []}
    for samples in pictures:
        for i, held_out in enumerate(samples.held_out):
            parts[bool(held_out)].append(labelled_pixels(samples.images[i], samples.labels[i], rng))
    classifier = SkinClassifier.fit(LabelledPixels.join(parts[False]), ClassifierConfig(seed=seed))
    figures = separation(classifier, LabelledPixels.join(parts[True]))
    return classifier, dict(zip(("auc", "skin_found", "other_mistaken"), figures, strict=True))
