"""The face model in PyTorch, evaluated only where the losses look: at landmarks and at a sample of the skin."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import FaceModel
from training.render import pixel_shading
from training.sampling import spread_evenly


class LinearFace(nn.Module):
    """Eq. 1-5 at fixed points, batched and differentiable; matches the NumPy reference to float32.

    Attributes:
        layout: of the parameter vector.
        skin: (K,) vertex indices of the sample of the face region.

    Args:
        model: the face model.
        n_skin: size K of the sample, at most; spread evenly over the region's vertices.
    """

    def __init__(self, model: FaceModel, n_skin: int = 512) -> None:
        super().__init__()
        model = model.occluded()
        self.layout = model.layout
        region = model.region_vertices("face")
        self.skin: NDArray[np.int64] = region[spread_evenly(len(region), n_skin)]
        triangles = np.concatenate([model.landmarks478_triangles, model.landmarks68_triangles])
        barycentric = np.concatenate([model.landmarks478_barycentric, model.landmarks68_barycentric])
        corners = model.triangles[triangles]  # (N, 3)

        def at_landmarks(field: NDArray) -> NDArray:
            return np.einsum("nk,...nkd->...nd", barycentric, field[..., corners, :])

        def at_skin(field: NDArray) -> NDArray:
            return field[..., self.skin, :]

        shape = np.concatenate([model.identity, model.expression])  # (Ni + Ne, V, 3)
        albedo = np.concatenate([model.diffuse_basis, model.specular_basis], axis=2)  # (Na, V, 6)
        albedo_mean = np.concatenate([model.diffuse_mean, model.specular_mean], axis=1)  # (V, 6)
        self._keep("landmark_mean", at_landmarks(model.mean))
        self._keep("landmark_basis", at_landmarks(shape).reshape(len(shape), -1))
        self._keep("skin_mean", at_skin(model.mean))
        self._keep("skin_basis", at_skin(shape).reshape(len(shape), -1))
        self._keep("albedo_mean", at_skin(albedo_mean))
        self._keep("albedo_basis", at_skin(albedo).reshape(len(albedo), -1))
        self._keep("skin_normals", at_skin(model.normals(model.mean)))
        self._keep("form_basis", _without_similarity(at_skin(model.identity), at_skin(model.mean)))

    def _keep(self, name: str, array: NDArray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.float32)), persistent=False)

    def group(self, parameters: Tensor, name: str) -> Tensor:
        """Return one group of parameter vectors (B, P): (B, size of the group)."""
        return parameters[:, self.layout.slices[name]]

    def landmarks(self, parameters: Tensor) -> Tensor:
        """Return the projected landmarks, Eq. 1 and 3: (B, P) to (B, 478 + 68, 2) pixels, MediaPipe's points first."""
        points = self._shape(parameters, self.landmark_mean, self.landmark_basis)  # (B, N, 3)
        rotated = points @ rotation_matrix(self.group(parameters, "rotation")).transpose(1, 2)
        scale = self.group(parameters, "scale")[:, :, None]  # (B, 1, 1)
        flip = rotated.new_tensor([1.0, -1.0])
        return rotated[..., :2] * flip * scale + self.group(parameters, "translation")[:, None]

    def movement(self, weights: Tensor) -> Tensor:
        """Return how far expression weights (B, Ne) move MediaPipe's points, (B, 478, 3) mm in the model's frame."""
        basis = self.landmark_basis[self.layout.n_identity :, : 3 * 478]  # (Ne, 478 * 3)
        return (weights @ basis).unflatten(1, (-1, 3))

    def skin_points(self, parameters: Tensor) -> Tensor:
        """Return the skin sample in the model's frame with identity and expression, (B, P) to (B, K, 3) mm."""
        return self._shape(parameters, self.skin_mean, self.skin_basis)

    def skin_form(self, parameters: Tensor) -> Tensor:
        """Return the skin sample's offset by identity alone, (B, P) to (B, K, 3) mm, less what moving, turning and
        scaling the mean face explains: a picture does not tell a large head from a near one."""
        return (self.group(parameters, "identity") @ self.form_basis).unflatten(1, (-1, 3))

    def skin_albedo(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return the diffuse and specular albedo of the skin sample (Eq. 2), each (B, K, 3) linear RGB."""
        offset = (self.group(parameters, "albedo") @ self.albedo_basis).unflatten(1, (-1, 6))
        albedo = functional.relu(self.albedo_mean + offset)  # (B, K, 6)
        return albedo[..., :3], albedo[..., 3:]

    def _shape(self, parameters: Tensor, mean: Tensor, basis: Tensor) -> Tensor:
        count = basis.shape[0]  # identity and expression are the vector's first two groups
        return mean + (parameters[:, :count] @ basis).unflatten(1, (-1, 3))


def _without_similarity(basis: NDArray, mean: NDArray) -> NDArray[np.float64]:
    """Return a basis (N, K, 3), as (N, 3 K), without its part along small similarity motions of points (K, 3)."""
    centred = mean - mean.mean(axis=0)
    axes = np.eye(3)
    motions = [*(np.broadcast_to(axis, centred.shape) for axis in axes), *(np.cross(axis, centred) for axis in axes)]
    span = np.linalg.qr(np.stack([m.ravel() for m in (*motions, centred)], axis=1))[0]  # (3 K, 7)
    flat = basis.reshape(len(basis), -1)
    return flat - (flat @ span) @ span.T


def rotation_matrix(six: Tensor) -> Tensor:
    """Return rotations (B, 3, 3) from orthonormal 6-D forms (B, 6)."""
    x, y = six[:, :3], six[:, 3:]
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=2)


def irradiance(normals: Tensor, sh: Tensor) -> Tensor:
    """Return irradiance / pi, not negative, at unit normals (B or 1, K, 3) under SH light (B, 27): (B, K, 3), Eq. 4."""
    return pixel_shading.irradiance(normals.mT.expand(len(sh), -1, -1), sh).mT


def specular(points: Tensor, normals: Tensor, position: Tensor, color: Tensor, shininess: Tensor) -> Tensor:
    """Return the Blinn-Phong highlight without its albedo, Eq. 5: (B, K, 3) linear RGB.

    Args:
        points: (B, K, 3) mm, rotated, from the head centre.
        normals: (B, K, 3) unit, rotated.
        position: (B, 3) mm; color: (B, 3); shininess: (B, 1).
    """
    return color[:, None] * pixel_shading.blinn_phong(points.mT, normals.mT, position, shininess).mT
