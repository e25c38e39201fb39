"""The skin classifier of Eq. 9: naive Bayes with a Gaussian mixture each for the colours of skin and of all else.

Naive in that every pixel is judged by its own colour alone. The paper names no colour space, number of Gaussians or
prior. YCbCr and a prior of 0.8 are those of the work that it follows (Deng et al. 2019, "Accurate 3D face
reconstruction with weakly-supervised learning", in its published code): the question is asked inside the face mask
alone, most of which is skin. Gaussians are more than its four a side, for tones from the lightest to the darkest, each
of which counts alike in training. Covariances are full, so that any linear colour space would do.

    python -m training.data.skin_classifier --out FILE

takes a minute on one core. On pictures kept apart it found, as area under the ROC curve and share of skin with p > 0.5:
renders of light skin 0.954, 0.95, of dark skin 0.960, 0.98, photos of held-out people 0.953, 0.99. The darkest skin
(albedo below 0.1) is the hardest to tell from hair, by colour alone: 0.909, 0.95.
"""

from __future__ import annotations

import argparse
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file
from training.data.photo_labels import default_photos, load_labels
from training.data.skin_pixels import LabelledPixels, LabelledRenders, SegmentationTeacher, photo_pixels

_FORMAT_VERSION = 1
_ARRAYS = ("weights", "means", "precisions_cholesky")
_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_TEACHER = "pan_mnv3s_skin_clothes_hair.onnx"
_TONE_BINS = 6
_LARGEST_REPEAT = 8.0  # how much more often than seen a rare tone is drawn, at most
_DARK, _LIGHT = 0.15, 0.30  # luminance of diffuse albedo; ColorChecker's skin patches have 0.10 and 0.33


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
class ColorMixture:
    """K Gaussians over colours (Y, Cb, Cr); the arrays are those of scikit-learn's `GaussianMixture`.

    Attributes:
        weights: (K,), sum 1.
        means: (K, 3).
        precisions_cholesky: (K, 3, 3) upper triangular C; the inverse covariance is C C^T.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    precisions_cholesky: NDArray[np.float64]

    def log_density(self, colors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of the density at colours, (N, 3) to (N,)."""
        roots = self.precisions_cholesky
        diagonal = np.diagonal(roots, axis1=1, axis2=2)
        constant = np.log(self.weights) + np.log(diagonal).sum(axis=1) - 1.5 * np.log(2.0 * np.pi)  # (K,)
        together = roots.transpose(1, 0, 2).reshape(3, -1)  # (3, 3 K)
        offset = np.einsum("ki,kij->kj", self.means, roots).ravel()
        scaled = (colors @ together - offset).reshape(len(colors), len(roots), 3)  # (N, K, 3)
        each = constant - 0.5 * np.einsum("nki,nki->nk", scaled, scaled)  # (N, K)
        most = each.max(axis=1)
        total: NDArray[np.float64] = most + np.log(np.exp(each - most[:, None]).sum(axis=1))
        return total


@dataclass(frozen=True, eq=False)
class SkinClassifier:
    """Probability that a pixel is skin.

    Attributes:
        skin, other: the mixtures.
        prior: probability of skin before a pixel is seen, 0..1.
    """

    skin: ColorMixture
    other: ColorMixture
    prior: float

    @classmethod
    def fit(cls, pixels: LabelledPixels, config: ClassifierConfig | None = None) -> SkinClassifier:
        """Fit both mixtures with scikit-learn, all tones of skin counting alike as far as there are pixels.

        Raises:
            LimelightError: fewer pixels than ten a Gaussian on either side.
        """
        config = config or ClassifierConfig()
        rng = np.random.default_rng(config.seed)
        skin = pixels.colors[pixels.skin][even_tones(pixels.tone[pixels.skin], config.most_pixels, rng)]
        other = pixels.colors[~pixels.skin]
        other = other[rng.permutation(len(other))[: config.most_pixels]]
        mixtures = []
        for name, colors, components in (
            ("skin", skin, config.skin_components),
            ("other", other, config.other_components),
        ):
            if len(colors) < 10 * components:
                raise LimelightError(
                    f"skin classifier: {len(colors)} pixels labelled {name}, too few for {components} Gaussians"
                )
            mixtures.append(_fit_mixture(colors, components, config))
        return cls(mixtures[0], mixtures[1], config.prior)

    def posterior(self, colors: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probability of skin 0..1 of sRGB colours, (N, 3) uint8 to (N,)."""
        values = ycbcr(colors)
        odds = np.log(self.prior / (1.0 - self.prior)) + self.skin.log_density(values) - self.other.log_density(values)
        small = np.exp(-np.abs(odds))
        return np.where(odds >= 0.0, 1.0, small) / (1.0 + small)

    def probability(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probability p of Eq. 9 at every pixel of an sRGB picture, (H, W, 3) uint8 to (H, W) 0..1.

        Raises:
            ValueError: not such a picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
        return self.posterior(image.reshape(-1, 3)).astype(np.float32).reshape(image.shape[:2])

    def save(self, path: Path) -> Path:
        """Write to an `.npz` file, which appears whole or not at all; returns the path.

        Raises:
            LimelightError: the file cannot be written.
        """
        arrays = {"format_version": np.array(_FORMAT_VERSION), "prior": np.array(self.prior)}
        for side in ("skin", "other"):
            arrays |= {f"{side}_{name}": getattr(getattr(self, side), name) for name in _ARRAYS}
        with whole_file(path, f"skin classifier {path}") as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return path

    @classmethod
    def load(cls, path: Path) -> SkinClassifier:
        """Read what `save` wrote.

        Raises:
            LimelightError: the file is missing, unreadable or malformed; the message names the array.
        """
        if not path.is_file():
            raise LimelightError(
                f"skin classifier {path}: no such file; make it with 'python -m training.data.skin_classifier'"
            )
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: np.asarray(archive[name]) for name in archive.files}
        except (ValueError, TypeError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise LimelightError(f"skin classifier {path}: unreadable or truncated ({error})") from error
        try:
            _check(arrays)
        except LimelightError as error:
            raise LimelightError(f"skin classifier {path}: {error}") from error
        skin, other = (ColorMixture(*(arrays[f"{side}_{name}"] for name in _ARRAYS)) for side in ("skin", "other"))
        return cls(skin, other, float(arrays["prior"]))


def ycbcr(colors: NDArray) -> NDArray[np.float64]:
    """Y 0..255, Cb and Cr -128..128 (full range, BT.601) of sRGB colours 0..255, (N, 3) to (N, 3)."""
    return np.asarray(colors, dtype=np.float64) @ _YCBCR.T


def even_tones(tones: NDArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of `count` pixels, at most as many as there are, drawn so that all tones (N,) come about as often.

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
    """How well pixels are told apart.

    Returns:
        Area under the ROC curve, and the shares of skin and of other pixels that count as skin in full (p > 0.5).
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


def _fit_mixture(colors: NDArray[np.uint8], components: int, config: ClassifierConfig) -> ColorMixture:
    mixture = GaussianMixture(components, reg_covar=config.noise, random_state=config.seed, max_iter=200)
    mixture.fit(ycbcr(colors))
    return ColorMixture(mixture.weights_, mixture.means_, mixture.precisions_cholesky_)


def _check(arrays: dict[str, NDArray]) -> None:
    """Refuse malformed arrays with one line that names the first wrong one."""
    version = arrays.get("format_version")
    if version is None or version.shape != () or version != _FORMAT_VERSION:
        raise LimelightError(f"array 'format_version': expected {_FORMAT_VERSION}, got {version}")
    names = ["prior", *(f"{side}_{name}" for side in ("skin", "other") for name in _ARRAYS)]
    for name in names:
        if name not in arrays:
            raise LimelightError(f"array '{name}' is missing")
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise LimelightError(f"array '{name}': expected finite floating-point numbers")
    if arrays["prior"].shape != () or not 0.0 < arrays["prior"] < 1.0:
        raise LimelightError("array 'prior': expected a number between 0 and 1")
    for side in ("skin", "other"):
        count = arrays[f"{side}_weights"].size
        for name, shape in zip(_ARRAYS, ((count,), (count, 3), (count, 3, 3)), strict=True):
            if count == 0 or arrays[f"{side}_{name}"].shape != shape:
                raise LimelightError(
                    f"array '{side}_{name}': expected shape {shape}, got {arrays[f'{side}_{name}'].shape}"
                )
        if (arrays[f"{side}_weights"] <= 0).any():
            raise LimelightError(f"array '{side}_weights': expected weights above 0")
        if (np.diagonal(arrays[f"{side}_precisions_cholesky"], axis1=1, axis2=2) <= 0).any():
            raise LimelightError(f"array '{side}_precisions_cholesky': expected a diagonal above 0")


def _report(name: str, classifier: SkinClassifier, pixels: LabelledPixels) -> None:
    area, found, mistaken = separation(classifier, pixels)
    print(
        f"{name:<44} {len(pixels):>8} pixels  AUC {area:.3f}  p > 0.5: skin {found:.3f}, other {mistaken:.3f}",
        flush=True,
    )


def _renders(options: argparse.Namespace) -> tuple[LabelledPixels, dict[str, LabelledPixels]]:
    """Pixels of renders to train with, and named ones to test with."""
    source = LabelledRenders(FaceModel.load(options.model), rng=np.random.default_rng(options.seed))
    first = options.seed * 1_000_000
    last = first + options.renders
    training = source.pixels(range(first, last))
    test = source.pixels(range(last, last + max(1, options.renders // 4)))
    return training, {
        "renders, all tones": test,
        f"renders, light (albedo above {_LIGHT})": test.take(test.tone > _LIGHT),
        f"renders, dark (albedo below {_DARK})": test.take(test.tone < _DARK),
    }


def _photos(options: argparse.Namespace) -> tuple[LabelledPixels, dict[str, LabelledPixels]]:
    """Pixels of photos to train with, and named ones of held-out people to test with.

    Raises:
        LimelightError: the labels or the segmentation teacher are missing.
    """
    labels = load_labels(options.labels)
    teacher = SegmentationTeacher(options.teacher or options.photos.parent / "teachers" / _TEACHER)
    rng = np.random.default_rng(options.seed)
    training, test = (
        photo_pixels(
            labels.take(rng.permutation(np.flatnonzero(labels.validation == held_out))[:count]),
            options.photos,
            teacher,
            options.seed,
        )
        for held_out, count in ((False, options.pictures), (True, max(1, options.pictures // 4)))
    )
    middle = float(np.median(test.tone)) if len(test) else 0.0
    return training, {
        "photos of held-out people": test,
        "photos, the half with lighter skin as seen": test.take(test.tone > middle),
        "photos, the half with darker skin as seen": test.take(test.tone <= middle),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the skin classifier on labelled renders and photos.")
    parser.add_argument("--out", type=Path, default=Path(".cache/training/skin_classifier.npz"))
    parser.add_argument("--renders", type=int, default=1000, help="pictures drawn; a quarter as many again to test")
    parser.add_argument("--pictures", type=int, default=1000, help="photos labelled; a quarter as many again to test")
    parser.add_argument("--photos", type=Path, default=default_photos())
    parser.add_argument("--labels", type=Path, default=Path(".cache/training/photo_labels"))
    parser.add_argument("--teacher", type=Path, help="segmentation teacher; the one beside the photos if left out")
    parser.add_argument("--model", type=Path, help="face model file; the embedded default if left out")
    parser.add_argument("--prior", type=float, default=ClassifierConfig.prior, help="of skin, between 0 and 1")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not 0.0 < options.prior < 1.0:
        parser.error("--prior must lie between 0 and 1")
    cv2.setNumThreads(1)
    training: list[LabelledPixels] = []
    tests: dict[str, LabelledPixels] = {}
    for count, source in ((options.renders, _renders), (options.pictures, _photos)):
        if count > 0:
            try:
                pixels, named = source(options)
            except LimelightError as error:
                print(f"left out: {error}", flush=True)
                continue
            training.append(pixels)
            tests |= named
    pixels = LabelledPixels.join(training)
    print(f"fitting to {len(pixels)} pixels, {int(pixels.skin.sum())} of them skin", flush=True)
    classifier = SkinClassifier.fit(pixels, ClassifierConfig(prior=options.prior, seed=options.seed))
    for name, test in tests.items():
        _report(name, classifier, test)
    print(classifier.save(options.out))


if __name__ == "__main__":
    main()
