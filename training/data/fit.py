"""Fits pose, identity and expression to MediaPipe's landmarks, hundreds of faces at a time.

Gauss-Newton on the weak-perspective camera (Eq. 3) and the linear shape (Eq. 1), with Gaussian priors on
identity and, around MediaPipe's scores, on expression; bounds by projection with an active set.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import ARKIT_NAMES, FaceModel, project
from facemodel.landmarks import normalized_mean_error
from facemodel.mediapipe_outlines import FACE_OVAL, INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE

_LIDS, _BROWS, _LIPS = [*RIGHT_EYE, *LEFT_EYE], [*RIGHT_BROW, *LEFT_BROW], [*OUTER_LIPS, *INNER_LIPS]
_EYE_CORNERS = [33, 133, 263, 362]
_IRISES = {"Right": slice(468, 473), "Left": slice(473, 478)}
_UPPER = [159, 158, 160, 157, 161, 386, 385, 387, 384, 388, 13, 82, 312, 81, 311]
_LOWER = [145, 153, 144, 154, 163, 374, 380, 373, 381, 390, 14, 87, 317, 178, 402]
_DENSE = sorted({*FACE_OVAL, *_LIDS, *_BROWS, *_LIPS, *range(468, 478)})
_USED = np.array(sorted({*_DENSE, *range(0, 468, 3)}))
"""Landmarks that are fitted: all along features, and every third elsewhere, where the face is smooth."""

_UPPER_ROWS, _LOWER_ROWS = (np.searchsorted(_USED, side) for side in (_UPPER, _LOWER))
_N_POSE = 6  # small rotation (3), translation (2), log scale (1)


DOUBTFUL = ("cheekPuff", "noseSneerLeft", "noseSneerRight")
"""Expressions that MediaPipe hardly scores, whatever the face does."""
UNSEEN = ("tongueOut",)
"""Expressions that MediaPipe has no score for."""
SIDES = ("Left", "Right")
_SIDE_OF = {f"{unit}{side}": side for unit in ("eyeBlink", "eyeSquint", "eyeLookDown") for side in SIDES}
"""Units that MediaPipe takes a shut eye for."""
_AJAR_SCORE, _SHUT_SCORE = 0.35, 0.6
"""MediaPipe's blink score of lids that begin to shut, and from which on they are shut: seen on photographs."""
_TRUSTED_PREFIXES = ("brow", "eyeLook")
"""Of the names that the scores tell best."""
_LANDMARK_MM, _OPENING_MM, _OUTLIER_MM = 2.5, 0.6, 6.0
"""Standard deviation of a landmark, and of the distance between upper and lower lids or lips; distance beyond which a
landmark counts linearly (Huber)."""
_UNSEEN_DEVIATION = 0.03
_WEIGHTS = (([*FACE_OVAL], 1.2), (_BROWS, 1.5), (_LIDS, 3.0), (_LIPS, 2.5), (list(range(468, 478)), 2.0))
"""Of these landmarks against the others' 1."""
_ITERATIONS, _BATCH = 8, 128  # Gauss-Newton steps; faces that are solved together


@dataclass(frozen=True)
class FitConfig:
    """What the fit takes from MediaPipe's scores and points.

    Attributes:
        expression: standard deviation of a weight around MediaPipe's score.
        trusted: the same for names that the scores tell best. doubtful: the same for `DOUBTFUL`.
        gains: weight per score, by name; 1 where not given.
        offsets: (478, 3) mm, where MediaPipe's points lie against the model's on average; None for 0.
    """

    expression: float = 0.25
    trusted: float = 0.1
    doubtful: float = 0.35
    gains: dict[str, float] = field(default_factory=dict)
    offsets: NDArray[np.float32] | None = None


def fit_landmarks(
    model: FaceModel, landmarks: NDArray, scores: NDArray | None = None, config: FitConfig | None = None
) -> NDArray[np.float32]:
    """Return parameter vectors whose 478 landmarks lie on MediaPipe's.

    Args:
        model: the face model.
        landmarks: (N, 478, 2) or (N, 478, 3) px, of which x and y are used.
        scores: (N, 52) MediaPipe's scores in ARKIT_NAMES order; without them the expression's prior is neutral.
        config: trust in the parts.
    Returns: (N, P) constrained vectors: pose (px of the landmarks' picture), identity and expression fitted, mean
        albedo and soft light.
    """
    return LandmarkFitter(model, config or FitConfig())(landmarks, scores)


def shut_share(scores: NDArray) -> NDArray[np.float32]:
    """Return how far the eyes of faces with MediaPipe's scores (N, 52) are shut, (N, 2) of `SIDES`: 0 open, 1 shut."""
    blink = scores[:, [ARKIT_NAMES.index(f"eyeBlink{side}") for side in SIDES]]
    return np.clip((blink - _AJAR_SCORE) / (_SHUT_SCORE - _AJAR_SCORE), 0.0, 1.0).astype(np.float32)


def landmark_errors(model: FaceModel, vectors: NDArray, landmarks: NDArray) -> NDArray[np.float64]:
    """Return the NME (N,) over the 478 points of vectors (N, P) against landmarks (N, 478, 2+) in the same px."""
    projected = project_landmarks(model, vectors)
    return np.array(
        [normalized_mean_error(p, q) for p, q in zip(projected, np.asarray(landmarks)[..., :2], strict=True)]
    )


def project_landmarks(model: FaceModel, vectors: NDArray) -> NDArray[np.float32]:
    """Return the model's 478 landmarks of parameter vectors (N, P) in their own px, (N, 478, 2)."""
    mean = model.landmarks478(model.mean)
    basis = at_landmarks(model, np.concatenate([model.identity, model.expression])).reshape(-1, 478 * 3)
    projected = []
    for vector in vectors:
        p = model.layout.view(vector)
        points = mean + (np.concatenate([p.identity, p.expression]) @ basis).reshape(478, 3)
        projected.append(project(points, p.rotation, p.translation, p.scale))
    return np.array(projected, dtype=np.float32).reshape(-1, 478, 2)


def learn_gains(
    model: FaceModel, vectors: NDArray, scores: NDArray, low: float = 0.5, high: float = 1.5
) -> dict[str, float]:
    """Return the weight per score of every name: regression through zero of fitted weights on active scores.

    Left and right share one gain; a name that is hardly ever active has none, nor has one that the fit trusts.

    Args:
        model: the face model.
        vectors: (N, P) fits, made with a loose expression prior.
        scores: (N, 52) what they were fitted with.
        low, high: bounds of a gain.
    """
    fitted = vectors[:, model.layout.slices["expression"]]
    products: dict[str, tuple[float, float, int]] = {}
    for j, name in enumerate(model.expression_names):
        if name in ARKIT_NAMES:
            score = scores[:, ARKIT_NAMES.index(name)]
            active = score > 0.2
            cross, square, count = products.get(_both_sides(name), (0.0, 0.0, 0))
            cross += float((fitted[active, j] * score[active]).sum())
            square += float((score[active] ** 2).sum())
            products[_both_sides(name)] = (cross, square, count + int(active.sum()))
    return {
        name: float(np.clip(cross / square, low, high))
        for name in model.expression_names
        for cross, square, count in [products.get(_both_sides(name), (0.0, 0.0, 0))]
        if count >= 40 and not name.startswith(_TRUSTED_PREFIXES)
    }


def learn_offsets(model: FaceModel, landmarks: NDArray, scores: NDArray, facing: float = 0.93) -> NDArray[np.float32]:
    """Return where MediaPipe's points lie against the model's on average, (478, 3) mm in the model frame, z = 0.

    Both put the points of brows and eye corners in slightly different places of a face. Unless that is known, a fit
    explains it by an expression that everybody seems to make. Everywhere else there is no offset: it would take for
    the points' what people have in common against the mean face, and put their chins too low.

    Args:
        model: the face model.
        landmarks: (N, 478, 2+) px.
        scores: (N, 52); the fits here take them for the truth.
        facing: least z of the nose's direction of a face that counts.
    """
    literal = FitConfig(expression=0.04, trusted=0.02, doubtful=0.04)
    vectors = fit_landmarks(model, landmarks, scores, literal)
    distances = np.asarray(landmarks)[..., :2] - project_landmarks(model, vectors)  # (N, 478, 2) px
    views = [model.layout.view(vector) for vector in vectors]
    frontal = [i for i, p in enumerate(views) if p.rotation[2, 2] > facing]
    offsets = np.zeros((478, 3), np.float32)
    if frontal:
        in_model = [(distances[i] / views[i].scale * (1.0, -1.0)) @ views[i].rotation[:2, :2] for i in frontal]
        offsets[:, :2] = np.median(in_model, axis=0)
    offsets[np.setdiff1d(np.arange(478), _BROWS + _EYE_CORNERS)] = 0.0
    return offsets


def without_offsets(vectors: NDArray, model: FaceModel, landmarks: NDArray, offsets: NDArray) -> NDArray[np.float32]:
    """Return MediaPipe's points (N, 478, 2+) px, moved to where the model has them, by fits (N, P): (N, 478, 2)."""
    moved = np.array(np.asarray(landmarks)[..., :2], dtype=np.float32)
    for points, vector in zip(moved, vectors, strict=True):
        p = model.layout.view(vector)
        points -= (offsets @ p.rotation[:2].T * (p.scale, -p.scale)).astype(np.float32)
    return moved


def _both_sides(name: str) -> str:
    return name.replace("Left", "").replace("Right", "")


class LandmarkFitter:
    """The solver behind `fit_landmarks`, with everything of the face model that it needs.

    mouthClose c and jawOpen j are solved as c and u = j - c, both of them bounded by 0 and 1, which makes c <= j
    a plain bound.

    Args:
        model: the face model.
        config: trust in the parts.
    """

    def __init__(self, model: FaceModel, config: FitConfig) -> None:
        self.layout = model.layout
        self.config = config
        mean = model.landmarks478(model.mean) + (0.0 if config.offsets is None else config.offsets)
        self._mean = torch.from_numpy(mean[_USED].astype(np.float32))  # (L, 3)
        self._normals = torch.from_numpy(model.landmarks478(model.normals(model.mean))[_USED])  # (L, 3)
        basis = at_landmarks(model, np.concatenate([model.identity, model.expression]))[:, _USED]  # (K, L, 3)
        self._pair = model.layout.mouth_close_and_jaw_open
        if self._pair is not None:
            close, jaw = (len(model.identity) + i for i in self._pair)
            basis[close] += basis[jaw]
        self._basis = torch.from_numpy(basis)
        self._weights = self._landmark_weights()
        low, high = torch.full((len(basis),), -3.5), torch.full((len(basis),), 3.5)
        low[len(model.identity) :], high[len(model.identity) :] = model.expression_range
        self._bounds = low, high

    def __call__(self, landmarks: NDArray, scores: NDArray | None) -> NDArray[np.float32]:
        """Fit as `fit_landmarks` does."""
        points = np.asarray(landmarks, dtype=np.float32)[:, _USED, :2]  # (N, L, 2)
        if scores is None:
            scores = np.zeros((len(points), len(ARKIT_NAMES)), np.float32)
        vectors = [
            self._solve(points[i : i + _BATCH], np.asarray(scores[i : i + _BATCH], np.float32))
            for i in range(0, len(points), _BATCH)
        ]
        return np.concatenate(vectors) if vectors else np.zeros((0, self.layout.size), np.float32)

    def _solve(self, points: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        rotation, middle, scale = _initial_pose(self._mean.numpy(), points)
        normalized = (points - middle[:, None]) / scale[:, None, None] * np.array((1.0, -1.0), np.float32)
        target = torch.from_numpy(normalized)  # (B, L, 2) mm, y up
        turn = torch.from_numpy(rotation)
        count, n_coefficients = len(points), len(self._basis)
        prior, precision = self._prior(scores)
        coefficients = prior.clone()
        offset, magnify = torch.zeros(count, 2), torch.ones(count)
        static = self._weights * self._iris_trust(scores)  # (B, L)
        low, high = self._bounds
        for iteration in range(_ITERATIONS):
            shape = self._mean + (coefficients @ self._basis.flatten(1)).view(count, -1, 3)
            posed = shape @ turn.mT  # (B, 478, 3)
            residual = magnify[:, None, None] * posed[..., :2] + offset[:, None] - target  # (B, L, 2)
            facing = (self._normals @ turn[:, 2:].mT).squeeze(-1)  # (B, L)
            distance = residual.norm(dim=-1)
            robust = (_OUTLIER_MM / distance.clamp_min(1e-6)).clamp_max(1.0)
            weights = static * ((facing + 0.15) / 0.4).clamp(0.05, 1.0) * robust
            jacobian = self._jacobian(turn, magnify, posed)  # (B, L, 2, 6 + K)
            rows, errors, trust = _with_openings(jacobian, residual, weights)
            weighted = rows * trust[..., None]
            hessian = weighted.mT @ rows  # (B, 6 + K, 6 + K)
            gradient = (weighted.mT @ errors[..., None]).squeeze(-1)  # (B, 6 + K)
            gradient[:, _N_POSE:] += precision * (coefficients - prior)
            diagonal = torch.zeros(_N_POSE + n_coefficients)
            diagonal[_N_POSE:] = precision
            diagonal[:_N_POSE] = 1e-2
            if iteration < 2:  # pose first: the shape must not explain a wrong one
                diagonal[_N_POSE:] += 30.0
            hessian += torch.diag(diagonal)
            pull = gradient[:, _N_POSE:]
            held = ((coefficients <= low) & (pull > 0)) | ((coefficients >= high) & (pull < 0))  # (B, K)
            free = torch.cat([torch.ones(count, _N_POSE), (~held).float()], dim=1)
            hessian = hessian * free[:, :, None] * free[:, None, :] + torch.diag_embed(1.0 - free)
            factor = torch.linalg.cholesky(hessian)
            step = -torch.cholesky_solve((gradient * free)[..., None], factor).squeeze(-1)
            turn = _rotate(step[:, :3].clamp(-0.3, 0.3)) @ turn
            offset = offset + step[:, 3:5]
            magnify = magnify * step[:, 5].clamp(-0.3, 0.3).exp()
            coefficients = torch.maximum(torch.minimum(coefficients + step[:, _N_POSE:], high), low)
        return self._pack(turn, offset, magnify, coefficients, middle, scale)

    def _jacobian(self, turn: Tensor, magnify: Tensor, posed: Tensor) -> Tensor:
        """Return the derivative of the projected landmarks (B, L, 2, 6 + K) by pose and coefficients."""
        count, k = len(turn), len(self._basis)
        x, y, z = (magnify[:, None, None] * posed).unbind(-1)  # (B, L)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        pose_x = torch.stack([zero, z, -y, one, zero, x], dim=-1)  # (B, L, 6)
        pose_y = torch.stack([-z, zero, x, zero, one, y], dim=-1)
        axes = magnify[:, None, None] * turn[:, :2]  # (B, 2, 3)
        along = (axes @ self._basis.permute(2, 1, 0).reshape(3, -1)).view(count, 2, -1, k)  # (B, 2, L, K)
        return torch.stack([torch.cat([pose_x, along[:, 0]], -1), torch.cat([pose_y, along[:, 1]], -1)], dim=2)

    def _prior(self, scores: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Return expected coefficients (B, K) and their precision (K,).

        Whoever shuts an eye neither squints with it nor looks down, whatever MediaPipe says.
        """
        names = self.layout.expression_names
        expected = np.zeros((len(scores), len(self._basis)), np.float32)
        precision = np.ones(len(self._basis), np.float32)
        c = self.config
        shut = dict(zip(SIDES, shut_share(scores).T, strict=True))
        for j, name in enumerate(names, start=self.layout.n_identity):
            deviation = 1.0
            if name in ARKIT_NAMES:
                expected[:, j] = scores[:, ARKIT_NAMES.index(name)] * c.gains.get(name, 1.0)
                deviation = c.trusted if name.startswith(_TRUSTED_PREFIXES) else c.expression
                if (side := _SIDE_OF.get(name)) is not None:
                    unit, blinks = expected[:, j], name.startswith("eyeBlink")
                    expected[:, j] = np.maximum(unit, shut[side]) if blinks else unit * (1.0 - shut[side])
            if name in DOUBTFUL:
                deviation = c.doubtful
            elif name in UNSEEN:
                deviation = _UNSEEN_DEVIATION
            precision[j] = deviation**-2
        if self._pair is not None:
            close, jaw = (self.layout.n_identity + i for i in self._pair)
            expected[:, close] = np.minimum(expected[:, close], expected[:, jaw])
            expected[:, jaw] -= expected[:, close]
        low, high = self._bounds
        return torch.maximum(torch.minimum(torch.from_numpy(expected), high), low), torch.from_numpy(precision)

    def _landmark_weights(self) -> Tensor:
        weights = torch.ones(478)
        for indices, weight in _WEIGHTS:
            weights[indices] = weight
        return weights[_USED]

    def _iris_trust(self, scores: NDArray[np.float32]) -> Tensor:
        """Return weights (B, L), less for the iris of a closed eye."""
        trust = torch.ones(len(scores), 478)
        for side, iris in _IRISES.items():
            blink = torch.from_numpy(scores[:, ARKIT_NAMES.index(f"eyeBlink{side}")])
            trust[:, iris] = (1.0 - blink.clamp(0.0, 0.95))[:, None]
        return trust[:, _USED]

    def _pack(
        self, turn: Tensor, offset: Tensor, magnify: Tensor, coefficients: Tensor, middle: NDArray, scale: NDArray
    ) -> NDArray[np.float32]:
        solved = coefficients.numpy()
        vectors = np.tile(self.layout.neutral(), (len(solved), 1))
        for i, vector in enumerate(vectors):
            p = self.layout.view(vector)
            p.identity[:] = solved[i, : self.layout.n_identity]
            p.expression[:] = solved[i, self.layout.n_identity :]
            if self._pair is not None:
                close, jaw = self._pair
                p.expression[jaw] += p.expression[close]
            p.rotation = turn[i].numpy()
            p.translation[:] = middle[i] + scale[i] * offset[i].numpy() * (1.0, -1.0)
            p.scale = float(scale[i] * magnify[i])
            self.layout.constrain(vector)
        return vectors


def _with_openings(jacobian: Tensor, residual: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows (B, M, 6 + K), errors (B, M) and precisions (B, M) of landmarks and of lid and lip openings."""
    count = len(residual)
    gap_rows = (jacobian[:, _UPPER_ROWS] - jacobian[:, _LOWER_ROWS]).flatten(1, 2)  # (B, 2 * 15, 6 + K)
    gap_errors = (residual[:, _UPPER_ROWS] - residual[:, _LOWER_ROWS]).flatten(1)
    seen = torch.minimum(weights[:, _UPPER_ROWS], weights[:, _LOWER_ROWS]).clamp_max(1.0)  # (B, 15)
    rows = torch.cat([jacobian.flatten(1, 2), gap_rows], dim=1)
    errors = torch.cat([residual.reshape(count, -1), gap_errors], dim=1)
    precision = torch.cat([weights / _LANDMARK_MM**2, seen / _OPENING_MM**2], dim=1)
    return rows, errors, precision.repeat_interleave(2, dim=1)


def _initial_pose(mean: NDArray, points: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return rotation (B, 3, 3), translation (B, 2) px and scale (B,) of the mean face, as `facemodel.fit_pose`."""
    centre = mean.mean(axis=0)
    middle = points.mean(axis=1, keepdims=True)  # (B, 1, 2)
    affine = np.linalg.pinv(mean - centre) @ ((points - middle) * (1.0, -1.0))  # (B, 3, 2)
    u, singular, vt = np.linalg.svd(np.swapaxes(affine, 1, 2), full_matrices=False)
    rows = u @ vt  # (B, 2, 3)
    rotation = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    scale = singular.mean(axis=1)
    translation = middle[:, 0] - (rows @ centre) * scale[:, None] * (1.0, -1.0)
    return rotation.astype(np.float32), translation.astype(np.float32), scale.astype(np.float32)


def _rotate(vector: Tensor) -> Tensor:
    """Return the rotation matrices (B, 3, 3) of rotation vectors (B, 3)."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(-1, 3, 3)
    return torch.linalg.matrix_exp(skew)


def at_landmarks(model: FaceModel, basis: NDArray) -> NDArray[np.float32]:
    """Return a basis (K, V, 3) at the 478 landmarks, (K, 478, 3)."""
    corners = model.triangles[model.landmarks478_triangles]  # (478, 3)
    return np.einsum("nk,bnkd->bnd", model.landmarks478_barycentric, basis[:, corners]).astype(np.float32)
