"""The differentiable renderer: parameter vectors to linear pictures of the face, with gradients to every parameter.

Which triangle a pixel sees is decided by a z-buffer and carries no gradient; where in the triangle the pixel lies is
computed from the projected corners, so that pose, identity and expression feel what interpolation shows (deferred
shading, as Laine et al. 2020, "Modular primitives for high-performance differentiable rendering", without its
antialiasing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE, FaceModel, LimelightError, ParameterLayout
from facemodel.landmarks import N_MEDIAPIPE
from training.losses.linear_face import rotation_matrix
from training.networks.decoder import orthonormal
from training.render.mesh_operations import interpolate, vertex_normals
from training.render.mouth_patch import MouthPatch
from training.render.pixel_shading import blinn_phong, irradiance, unit
from training.render.rasterizer import visible_triangles
from training.shapes import expect_shapes

FACE_REGIONS = ("face", "eyes", "teeth", "tongue", "mouth_lining")
"""The paper's crop of the model, and what is seen through its openings: what losses compare with photos."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """Pictures of a batch, H = W = `size`, and what the losses need beside them.

    Light is linear and not clipped: encode it once, with `paper_losses.encode_srgb`. Outside the face it is 0.

    Attributes:
        diffuse: (B, H, W, 3) c_d, Eq. 4.
        specular: (B, H, W, 3) c_s, Eq. 5; the colour is diffuse + specular.
        mask: (B, H, W) 1 where the face region is seen, I_project; 0 elsewhere. Without gradient.
        covered: (B, H, W) 1 where any part of the head is drawn. Without gradient.
        inner_mouth: (B, H, W) share of each pixel that the inner-mouth patch covers, A^p of Eq. 11, exact and hence
            soft at the edges. Below 0 where the lips cross each other, so that Eq. 11 parts them.
        landmarks478: (B, 478, 2) projected MediaPipe points, crop px.
        landmarks68: (B, 68, 2) projected iBUG points, crop px.
        lit: (B, K, 3) lit diffuse colour at the K vertices of the face region, seen or not, linear RGB, Eq. 13.
    """

    diffuse: Tensor
    specular: Tensor
    mask: Tensor
    covered: Tensor
    inner_mouth: Tensor
    landmarks478: Tensor
    landmarks68: Tensor
    lit: Tensor


@dataclass(frozen=True, eq=False)
class Head:
    """The posed, coloured mesh of a batch, before it is drawn; light and frame as in DESIGN's camera-aligned frame.

    Attributes:
        posed: (B, V, 3) mm from the head centre.
        normals: (B, V, 3) unit.
        diffuse, specular: (B, V, 3) linear albedo, times occlusion.
        pixels: (B, V, 2) projected, crop px.
        rotation: (B, 3, 3).
    """

    posed: Tensor
    normals: Tensor
    diffuse: Tensor
    specular: Tensor
    pixels: Tensor
    rotation: Tensor


class Renderer(nn.Module):
    """Draws a face model, batched and differentiable; matches `facemodel.reference`.

    Float32 unless moved with `.double()`.

    Args:
        model: the face model.
        size: side of the pictures, px. Parameters are in crop px (224) whatever it is.
        regions: of the model that are drawn; all of them if left out. Normals are those of the whole mesh.
    """

    mean: Tensor
    shape_basis: Tensor
    albedo_mean: Tensor
    albedo_basis: Tensor
    mesh: Tensor
    drawn: Tensor
    is_face: Tensor
    face: Tensor
    landmark_corners: Tensor
    landmark_weights: Tensor

    def __init__(self, model: FaceModel, size: int = CROP_SIZE, regions: Sequence[str] | None = None) -> None:
        super().__init__()
        model = model.occluded()
        self.layout = model.layout
        self.size = size
        wanted = _in_regions(model, model.region_names if regions is None else regions)  # (T,)
        landmarks = np.concatenate([model.landmarks478_triangles, model.landmarks68_triangles])
        is_face = _in_regions(model, ("face",))
        needed = np.unique(
            np.concatenate([model.triangles[wanted | is_face], model.triangles[landmarks], model.inner_mouth_triangles])
        )
        around = np.isin(model.triangles, needed).any(axis=1)  # triangles that shape the needed vertices' normals
        kept = np.unique(model.triangles[around])
        number = np.full(model.n_vertices, -1, np.int64)
        number[kept] = np.arange(len(kept))

        shape = np.concatenate([model.identity[:, kept], model.expression[:, kept]])  # (Ni + Ne, V, 3)
        albedo = np.concatenate([model.diffuse_basis[:, kept], model.specular_basis[:, kept]], axis=2)  # (Na, V, 6)
        self._keep("mean", model.mean[kept])
        self._keep("shape_basis", shape.reshape(len(shape), -1))
        self._keep("albedo_mean", np.concatenate([model.diffuse_mean[kept], model.specular_mean[kept]], axis=1))
        self._keep("albedo_basis", albedo.reshape(len(albedo), -1))
        self._keep("mesh", number[model.triangles[around]].astype(np.int32))
        self._keep("drawn", number[model.triangles[wanted]].astype(np.int32))
        self._keep("is_face", is_face[wanted])
        self._keep("face", number[model.region_vertices("face")])
        self._keep("landmark_corners", number[model.triangles[landmarks]])  # (478 + 68, 3)
        self._keep("landmark_weights", np.concatenate([model.landmarks478_barycentric, model.landmarks68_barycentric]))
        self.mouth = MouthPatch(model, number)

    def _keep(self, name: str, array: NDArray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def forward(self, parameters: Tensor, size: int | None = None) -> Rendering:
        """Render parameter vectors (B, P), pose in px of the 224 crop.

        Args:
            parameters: on this module's device, in its precision.
            size: side of these pictures instead of the module's.
        Raises LimelightError: parameters are not finite; the message names the group.
        """
        expect_shapes(("parameters", parameters, ("B", self.layout.size)))
        _refuse_what_is_not_finite(self.layout, parameters)
        size = size or self.size
        head = self.head(parameters)
        diffuse, specular, mask, covered = self._draw(head, parameters, size)
        corners = head.pixels[:, self.landmark_corners]  # (B, 478 + 68, 3, 2)
        landmarks = (corners * self.landmark_weights[..., None]).sum(dim=2)
        sh = parameters[:, self.layout.slices["sh"]]
        return Rendering(
            diffuse=diffuse,
            specular=specular,
            mask=mask,
            covered=covered,
            inner_mouth=self.mouth(head.pixels * (size / CROP_SIZE), head.rotation, size),
            landmarks478=landmarks[:, :N_MEDIAPIPE],
            landmarks68=landmarks[:, N_MEDIAPIPE:],
            lit=head.diffuse[:, self.face] * irradiance(head.normals[:, self.face].mT, sh).mT,
        )

    def head(self, parameters: Tensor) -> Head:
        """Return the posed, coloured mesh, Eq. 1 to 3, of parameter vectors (B, P)."""
        slices = self.layout.slices
        count = slices["expression"].stop  # identity and expression are the vector's first two groups
        vertices = self.mean + (parameters[:, :count] @ self.shape_basis).unflatten(1, (-1, 3))  # (B, V, 3)
        rotation = rotation_matrix(orthonormal(parameters[:, slices["rotation"]]))  # (B, 3, 3)
        normals = functional.normalize(vertex_normals(vertices, self.mesh), dim=-1)
        posed = vertices @ rotation.mT
        offset = (parameters[:, slices["albedo"]] @ self.albedo_basis).unflatten(1, (-1, 6))
        albedo = functional.relu(self.albedo_mean + offset)  # (B, V, 6)
        across = posed[..., :2] * posed.new_tensor([1.0, -1.0]) * parameters[:, None, slices["scale"]]
        return Head(
            posed=posed,
            normals=normals @ rotation.mT,
            diffuse=albedo[..., :3],
            specular=albedo[..., 3:],
            pixels=across + parameters[:, None, slices["translation"]],
            rotation=rotation,
        )

    def _draw(self, head: Head, parameters: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return diffuse and specular pictures (B, S, S, 3), face mask and cover (B, S, S)."""
        pixels = head.pixels * (size / CROP_SIZE)
        owner = self._visible(pixels.detach(), head.posed.detach()[..., 2], size).flatten(1)  # (B, S S)
        index = _drawn_pixels(owner)  # (B, K)
        seen = functional.pad(owner, (0, 1), value=-1).gather(1, index)  # (B, K)
        places = torch.stack([index % size, index // size], dim=-1).to(pixels) + 0.5  # (B, K, 2)
        attributes = torch.cat([head.posed, head.normals, head.diffuse, head.specular], dim=-1)  # (B, V, 12)
        points, normals, t_d, t_s = interpolate(attributes, pixels, self.drawn, seen, places).split(3, dim=1)
        normals = unit(normals)  # (B, 3, K)
        light = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        c_d = t_d * irradiance(normals, light["sh"])
        lobe = blinn_phong(points, normals, light["key_position"], light["shininess"])  # (B, 1, K)
        c_s = t_s * light["key_color"][..., None] * lobe
        diffuse, highlight = (_scatter(color, index, size) for color in (c_d, c_s))
        covered = owner >= 0
        face = covered & self.is_face[owner.clamp(min=0).long()]
        planes = (mask.to(c_d.dtype).unflatten(1, (size, size)) for mask in (face, covered))
        return diffuse, highlight, *planes

    def _visible(self, pixels: Tensor, depth: Tensor, size: int) -> Tensor:
        """Return (B, S, S) int32 visible triangle of `drawn` at every pixel centre, -1 where there is none."""
        found = visible_triangles(pixels.cpu().numpy(), depth.cpu().numpy(), self.drawn.cpu().numpy(), size)
        return torch.from_numpy(found).to(pixels.device)


def face_renderer(model: FaceModel, size: int = CROP_SIZE) -> Renderer:
    """Return a renderer of FACE_REGIONS, those that the model has."""
    return Renderer(model, size, [name for name in FACE_REGIONS if name in model.region_names])


def _in_regions(model: FaceModel, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return (T,) triangles of the named regions."""
    for name in names:
        model.region_triangles(name)  # raises if the model has none of that name
    return np.isin(model.triangle_region, [model.region_names.index(name) for name in names])


def _refuse_what_is_not_finite(layout: ParameterLayout, parameters: Tensor) -> None:
    bad = ~torch.isfinite(parameters.detach())
    if bad.any():
        row, column = bad.nonzero()[0].tolist()
        group = next(name for name, span in layout.slices.items() if column < span.stop)
        raise LimelightError(f"parameters: {group} of picture {row} is not finite; nothing can be drawn from them")


def _drawn_pixels(owner: Tensor) -> Tensor:
    """Return flat indices of the pixels with a triangle, (B, N) to (B, K); rows are filled up with N."""
    rows = [plane.nonzero().squeeze(1) for plane in owner >= 0]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=owner.shape[1])


def _scatter(colors: Tensor, index: Tensor, size: int) -> Tensor:
    """Return pictures (B, S, S, 3) of colours (B, 3, K) at flat indices (B, K); index S S is nowhere."""
    batch, slots = len(colors), size * size + 1
    flat = (index + slots * torch.arange(batch, device=index.device)[:, None]).flatten()
    picture = colors.new_zeros(batch * slots, 3).index_copy(0, flat, colors.mT.flatten(0, 1))
    return picture.view(batch, slots, 3)[:, :-1].unflatten(1, (size, size))
