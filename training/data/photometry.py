"""Albedo and light of fitted photos, from the colours that their vertices show (Eq. 2, 4 and 5).

What one picture cannot tell apart, such as dark skin in bright light, is decided by priors: albedo coefficients
N(0, 1), light of usual exposure, nearly white and mostly from one side of moderate contrast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemodel import FaceModel, project
from facemodel.color import decode_srgb
from facemodel.lighting import SH_CONSTANTS
from training.render.lamps import FRONT, LUMINANCE
from training.render.pixel_shading import blinn_phong, irradiance
from training.render.rasterizer import vertex_normals
from training.sampling import spread_evenly


@dataclass(frozen=True)
class PhotometryConfig:
    """Trust in the colours against the priors.

    Attributes:
        samples: vertices of the face region that are compared, at most.
        facing: least n_z of a vertex that counts.
        eye_distance: vertices nearer to an eyeball's centre do not count, mm.
        deviation: standard deviation of a colour, square root of linear light.
        evidence: independent observations that all vertices together count as.
        exposure, exposure_spread: of the log irradiance / pi of the face's front.
        tint_spread: of the log colour of the light.
        direction_spread, shape_spread: of SH bands 1 and 2, share of band 0.
        color_spread: of these bands' colour, share of band 0.
        key_strength, key_spread: of the log key colour. shininess, shininess_spread: of its logarithm.
        key_distance: mm; a picture hardly tells it.
        steps, rate: of Adam.
        batch: photos solved together.
    """

    samples: int = 450
    facing: float = 0.25
    eye_distance: float = 21.0
    deviation: float = 0.04
    evidence: float = 90.0
    exposure: float = -0.3
    exposure_spread: float = 0.3
    tint_spread: float = 0.1
    direction_spread: float = 0.4
    shape_spread: float = 0.12
    color_spread: float = 0.06
    key_strength: float = -0.5
    key_spread: float = 0.7
    shininess: float = 2.9
    shininess_spread: float = 0.5
    key_distance: float = 600.0
    steps: int = 90
    rate: float = 0.08
    batch: int = 512


class _Light(NamedTuple):
    """The unknowns of B photos: SH light (B, 9, 3), albedo (B, Na), direction of the key light (B, 3), and logarithms
    of its colour and of the shininess (B,)."""

    sh: Tensor
    albedo: Tensor
    key: Tensor
    key_strength: Tensor
    shininess: Tensor

    @classmethod
    def start(cls, count: int, n_albedo: int, c: PhotometryConfig) -> _Light:
        """Return the unknowns that the fit of `count` photos starts from."""
        exposure = float(np.exp(c.exposure)) / SH_CONSTANTS[0]
        sh = torch.zeros(count, 9, 3)
        sh[:, 0], sh[:, 1], sh[:, 2] = exposure, 0.08 * exposure, 0.12 * exposure
        key = torch.tensor([0.2, 0.4, 1.0]).repeat(count, 1)
        strength, shininess = (torch.full((count,), value) for value in (c.key_strength, c.shininess))
        return cls(*(t.requires_grad_() for t in (sh, torch.zeros(count, n_albedo), key, strength, shininess)))

    @property
    def tint(self) -> Tensor:
        """Return the colour of the key light (B, 3), mean 1: that of the SH light."""
        return self.sh[:, 0] / self.sh[:, 0].mean(1, keepdim=True)


class Photometry:
    """Fits albedo and light; see the module.

    Args:
        model: the face model.
        config: trust in colours and priors.
    """

    def __init__(self, model: FaceModel, config: PhotometryConfig | None = None) -> None:
        self.model = model = model.occluded()
        self.config = config or PhotometryConfig()
        face = model.region_vertices("face")
        inside = [name for name in ("mouth_lining", "teeth", "tongue", "eyes") if name in model.region_names]
        face = np.setdiff1d(face, model.region_vertices(*inside)) if inside else face
        to_eyes = np.linalg.norm(model.mean[face][:, None] - model.eye_centres, axis=-1).min(axis=1)
        face = face[to_eyes > self.config.eye_distance]
        face = face[model.normals(model.mean)[face, 2] > 0.0]
        self.skin = face[spread_evenly(len(face), self.config.samples)]  # (K,)
        self._shape_basis = np.concatenate([model.identity, model.expression]).reshape(-1, 3 * model.n_vertices)
        colors = np.concatenate([model.diffuse_basis, model.specular_basis], axis=2)[:, self.skin]  # (Na, K, 6)
        self._albedo_basis = torch.from_numpy(colors.reshape(len(colors), -1))
        mean = np.concatenate([model.diffuse_mean, model.specular_mean], axis=1)[self.skin]
        self._albedo_mean = torch.from_numpy(mean)  # (K, 6)

    def observe(
        self, image: NDArray[np.uint8], vector: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return what a photo (H, W, 3) RGB shows at the skin vertices of a fit (P,) in its pixels.

        Returns:
            Square-root linear colours (K, 3), unit normals (K, 3) and positions (K, 3) mm in the camera-aligned
            frame, and which of them are seen (K,).
        """
        p = self.model.layout.view(vector)
        coefficients = np.concatenate([p.identity, p.expression])
        vertices = self.model.mean + (coefficients @ self._shape_basis).reshape(-1, 3)
        normals = vertex_normals(vertices, self.model.triangles)[self.skin] @ p.rotation.T
        posed = vertices[self.skin] @ p.rotation.T
        pixels = project(vertices[self.skin], p.rotation, p.translation, p.scale).astype(np.float32)
        height, width = image.shape[:2]
        seen = (normals[:, 2] > self.config.facing) & (pixels > 1).all(1) & (pixels < (width - 1, height - 1)).all(1)
        if p.scale > 1.2:  # a vertex stands for about 2 mm of skin
            image = cv2.GaussianBlur(image, (0, 0), 0.6 * p.scale)
        grid = (pixels - 0.5)[None]  # OpenCV counts from pixel centres
        encoded = cv2.remap(image, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0] / 255.0
        colors, normals, posed = (a.astype(np.float32) for a in (np.sqrt(decode_srgb(encoded)), normals, posed))
        return colors, normals, posed, seen

    def solve(
        self, colors: NDArray, normals: NDArray, points: NDArray, seen: NDArray, vectors: NDArray
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return N photos' parameters with albedo and light, and what is left of their colours.

        Args:
            colors, normals, points: (N, K, 3), seen: (N, K), as `observe` returns.
            vectors: (N, P) fits in the photos' pixels.

        Returns:
            Vectors (N, P) with albedo and light filled in, and the residual (N,), root mean square in square-root
            linear light, which is close to sRGB.
        """
        out = np.array(vectors, np.float32)
        residuals = np.zeros(len(out), np.float32)
        for start in range(0, len(out), self.config.batch):
            part = slice(start, start + self.config.batch)
            residuals[part] = self._solve(colors[part], normals[part], points[part], seen[part], out[part])
        return out, residuals

    def _solve(
        self, colors: NDArray, normals: NDArray, points: NDArray, seen: NDArray, out: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Fill in `out` (B, P) and return the residuals (B,)."""
        c = self.config
        target, normal, point = (torch.from_numpy(a) for a in (colors, normals, points))  # (B, K, 3)
        weight = torch.from_numpy(seen.astype(np.float32))
        weight = weight / weight.sum(1, keepdim=True).clamp_min(20.0)  # (B, K)
        normal, point = normal.mT.contiguous(), point.mT.contiguous()  # (B, 3, K)
        front = torch.from_numpy(FRONT.T.astype(np.float32)).expand(len(out), -1, -1)  # (B, 3, M)
        light = _Light.start(len(out), len(self._albedo_basis), c)
        optimizer = torch.optim.Adam(
            [{"params": [light.sh, light.albedo]}, {"params": list(light[2:]), "lr": 0.5 * c.rate}], lr=c.rate
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, c.steps, eta_min=0.05 * c.rate)
        luminance = torch.from_numpy(LUMINANCE.astype(np.float32))
        for _ in range(c.steps):
            optimizer.zero_grad()
            error = ((self._shade(light, normal, point) - target) / c.deviation).square().sum(-1)  # (B, K)
            misfit = (weight * 6.0 * ((1.0 + error / 9.0).sqrt() - 1.0) * 3.0).sum(1) * c.evidence / 2
            prior = _light_prior(light.sh, front, luminance, c)
            prior = prior + 0.5 * light.albedo.square().sum(1)
            prior = prior + 0.5 * ((light.key_strength - c.key_strength) / c.key_spread).square()
            prior = prior + 0.5 * ((light.shininess - c.shininess) / c.shininess_spread).square()
            prior = prior + 2.0 * (light.key - torch.tensor([0.0, 0.4, 1.0])).square().sum(1)
            (misfit + prior).sum().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            shown = self._shade(light, normal, point)
            residual = (weight * (shown - target).square().mean(-1)).sum(1).sqrt()
            slices = self.model.layout.slices
            out[:, slices["sh"]] = light.sh.flatten(1).numpy()
            out[:, slices["albedo"]] = light.albedo.numpy()
            out[:, slices["key_position"]] = c.key_distance * torch.nn.functional.normalize(light.key, dim=1).numpy()
            out[:, slices["key_color"]] = (light.tint * light.key_strength.exp()[:, None]).clamp_min(0.0).numpy()
            out[:, slices["shininess"]] = light.shininess.exp()[:, None].numpy()
        return residual.numpy()

    def _shade(self, light: _Light, normal: Tensor, point: Tensor) -> Tensor:
        """Return the square root of the shaded colours, (B, K, 3)."""
        colors = (light.albedo @ self._albedo_basis).view(len(light.albedo), -1, 6)
        both = (self._albedo_mean + colors).clamp_min(0.0)
        position = self.config.key_distance * torch.nn.functional.normalize(light.key, dim=1)
        color = light.tint.detach() * light.key_strength.exp()[:, None]
        lobe = blinn_phong(point, normal, position, light.shininess.exp()[:, None]).mT  # (B, K, 1)
        diffuse = both[..., :3] * irradiance(normal, light.sh.flatten(1)).mT
        return (diffuse + both[..., 3:] * lobe * color[:, None]).clamp(1e-5, 1.0).sqrt()


def _light_prior(sh: Tensor, front: Tensor, luminance: Tensor, c: PhotometryConfig) -> Tensor:
    """Return the negative log probability (B,) of SH light (B, 9, 3)."""
    color = irradiance(front, sh.flatten(1)).clamp_min(1e-3).mean(2)  # (B, 3) of a face's front
    bright = (color @ luminance).log()
    tint = color.log() - color.log().mean(1, keepdim=True)
    ambient = (sh[:, 0] @ luminance).clamp_min(0.1)[:, None]  # (B, 1)
    bands = (sh @ luminance)[:, 1:] / ambient  # (B, 8)
    gray = sh[:, 1:] - bands[..., None] * sh[:, :1]  # (B, 8, 3) what differs from the light's own colour
    value = ((bright - c.exposure) / c.exposure_spread).square() + (tint / c.tint_spread).square().sum(1)
    value = (
        value + (bands[:, :3] / c.direction_spread).square().sum(1) + (bands[:, 3:] / c.shape_spread).square().sum(1)
    )
    return 0.5 * (value + (gray / ambient[..., None] / c.color_spread).square().sum((1, 2)))
