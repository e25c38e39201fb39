"""One Gauss-Newton step of identity, expression and pose towards the points that the heads have placed.

The heads say numbers, each read by itself; together they put the model's points elsewhere than where the heads see
them. A step of a fit to those points mends that. Its gain depends on the pose, and solving for it takes longer than the
whole network does; but it is nearly linear in how the head is turned, so that it is worked out beforehand. Supervised
descent (Xiong and De la Torre, CVPR 2013) learns such gains from pictures; here the face model alone gives them.
"""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel, ParameterLayout
from facemodel.landmarks import N_MEDIAPIPE
from facemodel.mediapipe_outlines import FACE_OVAL, NOSE_RIDGE
from training.losses.linear_face import LinearFace, rotation_matrix
from training.networks.decoder import unit
from training.networks.expression_head import FEATURE_POINTS, REGION_POINTS

POINTS = (*sorted({*REGION_POINTS, *FACE_OVAL, *NOSE_RIDGE}),)
"""MediaPipe's indices of the points that count: all along features and outline, and the ridge of the nose."""

_UNIT_MM = 95.0
"""What residuals are measured in."""
_TURN, _SHIFT, _ZOOM, _IDENTITY, _EXPRESSION = 0.06, 0.03, 0.04, 1.0, 0.08
"""Typical errors that are mended: radians, units, e-folds, coefficients, weights."""
_NOISE = 0.06
"""Of a point, units: more than its error is, since those of neighbours go together."""
_BY_BOTH = [N_MEDIAPIPE + FEATURE_POINTS.index(k) if k in FEATURE_POINTS else k for k in range(N_MEDIAPIPE)]
_N_POSE = 6  # rotation vector (3), shift (2), log scale (1), all in the frame that stands upright with the head


def agreed_points(face: Tensor, region: Tensor) -> Tensor:
    """Return points (B, 478, 2) that lie closer than those of either head: eyes, brows and lips in the middle of both.

    What two networks get wrong has little in common. Chin, jaw and cheeks the face head places better by itself.

    Args:
        face: (B, 478, 2) that the face head has placed.
        region: (B, N, 2) that the expression head has placed, `REGION_POINTS`.
    """
    return 0.5 * (face + torch.cat([face, region], dim=1)[:, _BY_BOTH])


class PointsStep(nn.Module):
    """Identity, expression and pose that agree better with points.

    Everything is written as products with constant matrices: every other operation costs a runtime as much.

    Args:
        layout: of the parameter vector. The step does nothing before it has the weights of `step_weights`.
    """

    cross: Tensor
    stand: Tensor
    size: Tensor

    def __init__(self, layout: ParameterLayout) -> None:
        super().__init__()
        self.count = layout.n_identity + layout.n_expression  # the vector's first groups
        self.shape = nn.Linear(self.count, 3 * len(POINTS))
        self.gain = nn.Linear(2 * len(POINTS), _N_POSE + self.count, bias=False)
        self.turned_gain = nn.Linear(2 * 2 * len(POINTS), _N_POSE + self.count, bias=False)
        self.requires_grad_(False)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        # v @ cross is the matrix that a row vector u times gives the cross product of v and u (3 by 3); up @ stand the
        # one that turns row vectors of the picture to stand upright with the head (2 by 2).
        cross = torch.linalg.cross(torch.eye(3)[:, None].expand(3, 3, 3), torch.eye(3)[None].expand(3, 3, 3))
        self.register_buffer("cross", cross.flatten(1), persistent=False)
        self.register_buffer("stand", torch.tensor([[0.0, 1, -1, 0], [1, 0, 0, 1]]), persistent=False)
        self.register_buffer("size", torch.tensor([_UNIT_MM, -_UNIT_MM]), persistent=False)  # y is down in the picture

    def forward(self, coefficients: Tensor, pose: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return better coefficients, which no bound holds, and a better pose, whose rotation is nearly orthonormal.

        Args:
            coefficients: (B, Ni + Ne) identity and expression.
            pose: (B, 9) rotation, translation, scale in crop px.
            points: (B, 478, 2) crop px.
        """
        first, second, middle, scale = pose.split([3, 3, 2, 1], dim=1)
        columns = pose[:, :6].reshape(-1, 2, 3)  # (B, 2, 3)
        third = second[:, None] @ (first @ self.cross).reshape(-1, 3, 3)
        axes = torch.cat([columns, third], dim=1)[..., :2]  # (B, 3, 2)
        shown = self.shape(coefficients).reshape(-1, len(POINTS), 3) @ axes  # (B, N, 2) units, y up
        size = scale * self.size  # (B, 2) px
        placed = (points[:, POINTS] - middle[:, None]) / size[:, None]  # (B, N, 2)
        upright = (unit(second[:, :2]) @ self.stand).reshape(-1, 2, 2)
        residual = ((placed - shown) @ upright).flatten(1)  # (B, 2 N)
        turned = (columns[..., 2:] * residual[:, None]).flatten(1)  # (B, 2 * 2 N)
        move, change = (self.gain(residual) + self.turned_gain(turned)).split([_N_POSE, self.count], dim=1)
        turn, along, shift, zoom = move.split([2, 1, 2, 1], dim=1)
        aside, beyond = (torch.stack([turn, shift], dim=1) @ upright.transpose(1, 2)).unbind(1)  # (B, 2) each
        rotation = columns + columns @ (torch.cat([aside, along], dim=1) @ self.cross).reshape(-1, 3, 3)
        moved = torch.cat([rotation.flatten(1), middle + beyond * size, scale * zoom.exp()], dim=1)
        return coefficients + change, moved


def step_weights(model: FaceModel, vectors: NDArray) -> dict[str, Tensor]:
    """Return the state dict of the `PointsStep` for a face model.

    The gain is that of the linear estimate of least mean square error, over the poses of `vectors`, of errors of the
    parameters from residuals that they and noise make.

    Args:
        model: the face model.
        vectors: (N, P) parameter vectors whose poses are typical, in any px.
    """
    face, layout, points = LinearFace(model, 1), model.layout, list(POINTS)
    count = layout.n_identity + layout.n_expression
    basis = face.landmark_basis.unflatten(1, (-1, 3))[:, points] / _UNIT_MM  # (K, N, 3)
    mean = face.landmark_mean[points] / _UNIT_MM
    spread = torch.tensor([_TURN] * 3 + [_SHIFT] * 2 + [_ZOOM] + [_IDENTITY] * layout.n_identity)
    spread = torch.cat([spread, torch.full((layout.n_expression,), _EXPRESSION)]).double()
    gram = torch.zeros(3, 2 * len(points), 3, 2 * len(points), dtype=torch.float64)
    shared = torch.zeros(3, 2 * len(points), _N_POSE + count, dtype=torch.float64)
    noise = _NOISE**2 * torch.eye(2 * len(points), dtype=torch.float64)
    for vector in torch.from_numpy(vectors):
        rotation = rotation_matrix(vector[None, layout.slices["rotation"]])[0]  # (3, 3)
        up = unit(rotation[None, :2, 1])[0]
        across = torch.stack([up[1], -up[0]])
        upright = torch.stack([across @ rotation[:2], up @ rotation[:2], rotation[2]])
        posed = (mean + torch.tensordot(vector[:count], basis, 1)) @ upright.T  # (N, 3)
        nothing, one = torch.zeros(len(points)), torch.ones(len(points))
        right, above, front = posed.unbind(1)
        by_pose = torch.stack(
            [
                torch.stack([nothing, front, -above, one, nothing, right], dim=1),
                torch.stack([-front, nothing, right, nothing, one, above], dim=1),
            ],
            dim=1,
        )  # (N, 2, 6)
        by_shape = (basis @ upright[:2].T).permute(1, 2, 0)  # (N, 2, K)
        effect = torch.cat([by_pose, by_shape], dim=2).flatten(0, 1).double() * spread  # (2 N, 6 + K) of typical errors
        turned = torch.cat([torch.ones(1), rotation[2, :2]]).double()  # (3,)
        gram += torch.einsum("i,j,mn->imjn", turned, turned, effect @ effect.T + noise)
        shared += torch.einsum("i,mk->imk", turned, effect * spread)
    flat = gram.flatten(2).flatten(0, 1)  # (6 N, 6 N)
    size = flat.diagonal().sqrt()
    whole = flat / torch.outer(size, size) + 1e-6 * torch.eye(len(flat), dtype=torch.float64)
    gain = torch.linalg.solve(whole, shared.flatten(0, 1) / size[:, None]) / size[:, None]  # (6 N, 6 + K)
    return {
        "shape.weight": basis.flatten(1).T.contiguous(),
        "shape.bias": mean.flatten(),
        "gain.weight": gain[: 2 * len(points)].T.float().contiguous(),
        "turned_gain.weight": gain[2 * len(points) :].T.float().contiguous(),
    }
