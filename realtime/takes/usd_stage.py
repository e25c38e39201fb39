"""A clip as a stage of USD, by Pixar's library.

Metres; a time code is a frame at the clip's rate. The stage's frame is the camera's: +x image right, +y up, +z toward
the camera, which stands at the origin. The SH light of every frame, which USD has no light for, is the dome's attribute
`limelight:sh`: irradiance / pi, linear RGB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pxr import Gf, Kind, Sdf, Usd, UsdGeom, UsdLux, UsdShade, UsdSkel, UsdUtils, Vt

from facemodel import ARKIT_NAMES
from facemodel.channels import FIELD_OF_VIEW
from facemodel.color import encode_srgb
from realtime.opencv import cv2
from realtime.takes.clip import Clip
from realtime.takes.scene.head import EYE_NAMES, Head, Part
from realtime.takes.scene.light import MeanLight, latitude_longitude, point_intensity, roughness, tint
from realtime.takes.scene.motion import ClipInfo, Motion, motion_of

_KEY_RADIUS = 0.02
"""Metres."""
_DOME_HEIGHT = 32
"""Pixels; light of band 2 is smooth."""
_LEAST_MOVE = 1e-6
"""Metres; a vertex that a blend shape moves less is not in it."""


def write_stage(clip: Clip, path: Path, with_pictures: bool = False) -> None:
    """Write a clip as one layer.

    Args:
        clip: with ARKit's expressions.
        path: of the layer; its end says whether it is text.
        with_pictures: write the albedo texture and the dome light's picture beside it, and refer to them.

    Raises:
        LimelightError: nobody is in the clip.
        OSError: it cannot be written.
    """
    head, info = Head.of(clip.model), ClipInfo.of(clip)
    path.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(path))
    stage.SetMetadata("comment", "Limelight")
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(info.fps)
    stage.SetFramesPerSecond(info.fps)
    root = UsdGeom.Xform.Define(stage, "/take").GetPrim()
    stage.SetDefaultPrim(root)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    scene = _Scene(stage, head, path.parent if with_pictures else None)
    light = MeanLight()
    last = 0.0
    for motion in motion_of(clip):
        light.add(motion)
        last = scene.add(motion, info.fps)
    stage.SetStartTimeCode(0.0)
    stage.SetEndTimeCode(last)
    scene.finish(light)
    if info.timecode is not None:
        stage.GetRootLayer().customLayerData = {"timecode": info.timecode}
    _add_camera(stage, info.aspect)
    stage.GetRootLayer().Save()


def pack(layer: Path, path: Path) -> None:
    """Put a layer and the pictures that it refers to into one .usdz file.

    Raises:
        OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(path)):
        raise OSError("USD cannot pack it")


class _Scene:
    """The prims of a head and its lights, and what is animated of them."""

    def __init__(self, stage: Usd.Stage, head: Head, pictures: Path | None) -> None:
        self._stage, self._pictures = stage, pictures
        self._materials: list[UsdShade.Shader] = []
        self._head = _Placed(UsdGeom.Xform.Define(stage, "/take/head"))
        self._weights = self._add_skin(head)
        self._eyes = [
            self._add_eye(name, centre, None if head.eyes is None else head.eyes[i])
            for i, (name, centre) in enumerate(zip(EYE_NAMES, head.eye_centres, strict=True))
        ]
        self._key = UsdLux.SphereLight.Define(stage, "/take/keyLight")
        self._key.CreateRadiusAttr(_KEY_RADIUS)
        self._key_place = UsdGeom.Xformable(self._key).AddTranslateOp()
        self._dome = UsdLux.DomeLight.Define(stage, "/take/dome")
        self._sh = self._dome.GetPrim().CreateAttribute("limelight:sh", Sdf.ValueTypeNames.Color3fArray, custom=True)

    def add(self, motion: Motion, fps: float) -> float:
        """Store frames; returns the last one's time code."""
        codes = np.round(motion.time * fps, 6)  # what should be whole numbers are
        weights = motion.channels.weights.astype(np.float32)
        sh = motion.channels.sh.astype(np.float32)
        colors = np.maximum(motion.channels.key_color, 0.0)
        distances = np.linalg.norm(motion.key_position - motion.head_position, axis=1)
        for i, code in enumerate(codes.tolist()):
            self._weights.Set(Vt.FloatArray.FromNumpy(weights[i]), code)
            self._head.set(motion.head_position[i], motion.head_rotation[i], code)
            for eye, rotation in zip(self._eyes, motion.eye_rotations[i], strict=True):
                eye.turn(rotation, code)
            self._key_place.Set(Gf.Vec3d(*motion.key_position[i].tolist()), code)
            self._key.GetColorAttr().Set(Gf.Vec3f(*tint(colors[i]).tolist()), code)
            power = point_intensity(colors[i], float(distances[i]))
            self._key.GetIntensityAttr().Set(power / (np.pi * _KEY_RADIUS**2), code)
            self._sh.Set(Vt.Vec3fArray.FromNumpy(sh[i]), code)
        return float(codes[-1])

    def finish(self, light: MeanLight) -> None:
        """Set what takes the light of all frames."""
        for material in self._materials:
            material.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(roughness(light.shininess))
        radiance = latitude_longitude(light.sh, _DOME_HEIGHT)
        brightest = float(radiance.max()) or 1.0
        if self._pictures is None:
            mean = np.maximum(light.sh[0], 0.0) * 0.28209479177387814
            self._dome.CreateColorAttr(Gf.Vec3f(*tint(mean).tolist()))
            self._dome.CreateIntensityAttr(float(mean.max()))
            return
        _write_png(self._pictures / "dome.png", np.rint(encode_srgb(radiance / brightest) * 255.0).astype(np.uint8))
        self._dome.CreateTextureFileAttr(Sdf.AssetPath("./dome.png"))
        self._dome.CreateTextureFormatAttr(UsdLux.Tokens.latlong)
        self._dome.CreateIntensityAttr(brightest)

    def _add_skin(self, head: Head) -> Usd.Attribute:
        """Define the skin; returns the attribute of its weights."""
        stage = self._stage
        UsdSkel.Root.Define(stage, "/take/head/skel")
        skeleton = UsdSkel.Skeleton.Define(stage, "/take/head/skel/skeleton")
        still = Vt.Matrix4dArray([Gf.Matrix4d(1.0)])
        skeleton.CreateJointsAttr(Vt.TokenArray(["head"]))
        skeleton.CreateBindTransformsAttr(still)
        skeleton.CreateRestTransformsAttr(still)
        animation = UsdSkel.Animation.Define(stage, "/take/head/skel/skeleton/animation")
        animation.CreateBlendShapesAttr(Vt.TokenArray(list(ARKIT_NAMES)))
        UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
        mesh = self._add_mesh("/take/head/skel/face", head.skin, "skin")
        binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
        binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
        binding.CreateJointIndicesPrimvar(constant=True, elementSize=1).Set(Vt.IntArray([0]))
        binding.CreateJointWeightsPrimvar(constant=True, elementSize=1).Set(Vt.FloatArray([1.0]))
        binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
        binding.CreateBlendShapesAttr(Vt.TokenArray(list(ARKIT_NAMES)))
        targets = []
        for name, moves, turns in zip(ARKIT_NAMES, head.targets, head.target_normals, strict=True):
            shape = UsdSkel.BlendShape.Define(stage, mesh.GetPath().AppendChild(name))
            moved = np.flatnonzero((np.abs(moves) > _LEAST_MOVE).any(axis=1) | (np.abs(turns) > 1e-4).any(axis=1))
            shape.CreateOffsetsAttr(_vectors(moves[moved]))
            shape.CreateNormalOffsetsAttr(_vectors(turns[moved]))
            shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moved.astype(np.int32)))
            targets.append(shape.GetPath())
        binding.CreateBlendShapeTargetsRel().SetTargets(targets)
        return animation.CreateBlendShapeWeightsAttr()

    def _add_eye(self, name: str, centre: NDArray, part: Part | None) -> _Placed:
        path = f"/take/head/{name}"
        if part is None:
            placed = _Placed(UsdGeom.Xform.Define(self._stage, path))
        else:
            placed = _Placed(self._add_mesh(path, part, name))
        placed.place.Set(Gf.Vec3d(*centre.astype(float).tolist()))
        return placed

    def _add_mesh(self, path: str, part: Part, name: str) -> UsdGeom.Mesh:
        mesh = UsdGeom.Mesh.Define(self._stage, path)
        points = _vectors(part.vertices)
        mesh.CreatePointsAttr(points)
        mesh.CreateExtentAttr(UsdGeom.Mesh.ComputeExtent(points))
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(part.triangles), 3))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(part.triangles.ravel()))
        mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        mesh.CreateNormalsAttr(_vectors(part.normals))
        mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
        variables = UsdGeom.PrimvarsAPI(mesh)
        uv = variables.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
        uv.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(part.uv, np.float32)))
        mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(_vectors(part.colors))
        self._bind_material(mesh, part, name)
        return mesh

    def _bind_material(self, mesh: UsdGeom.Mesh, part: Part, name: str) -> None:
        path = f"/take/materials/{name}"
        UsdGeom.Scope.Define(self._stage, "/take/materials")
        material = UsdShade.Material.Define(self._stage, path)
        surface = self._shader(f"{path}/surface", "UsdPreviewSurface")
        material.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
        self._materials.append(surface)
        color = surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
        if self._pictures is None or part.texture is None:
            albedo = self._shader(f"{path}/albedo", "UsdPrimvarReader_float3")
            albedo.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
            albedo.CreateOutput("result", Sdf.ValueTypeNames.Float3)
            color.ConnectToSource(albedo.ConnectableAPI(), "result")
        else:
            _write_png(self._pictures / f"{name}.png", part.texture)
            reader = self._shader(f"{path}/uv", "UsdPrimvarReader_float2")
            reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
            reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
            albedo = self._shader(f"{path}/albedo", "UsdUVTexture")
            albedo.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(f"./{name}.png"))
            albedo.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
            for axis in ("wrapS", "wrapT"):
                albedo.CreateInput(axis, Sdf.ValueTypeNames.Token).Set("clamp")
            albedo.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(reader.ConnectableAPI(), "result")
            albedo.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
            color.ConnectToSource(albedo.ConnectableAPI(), "rgb")
        UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)

    def _shader(self, path: str, kind: str) -> UsdShade.Shader:
        shader = UsdShade.Shader.Define(self._stage, path)
        shader.CreateIdAttr(kind)
        if kind == "UsdPreviewSurface":
            shader.CreateOutput("surface", Sdf.ValueTypeNames.Token)
        return shader


class _Placed:
    """A prim with a place and a turn.

    Attributes:
        place: its translation, metres.
    """

    def __init__(self, prim: UsdGeom.Xformable) -> None:
        self.place = prim.AddTranslateOp()
        self._turn = prim.AddOrientOp()

    def set(self, position: NDArray, rotation: NDArray, code: float) -> None:
        """Key both; (3,) metres and (4,) a quaternion x, y, z, w."""
        self.place.Set(Gf.Vec3d(*position.tolist()), code)
        self.turn(rotation, code)

    def turn(self, rotation: NDArray, code: float) -> None:
        """Key the turn, (4,) a quaternion x, y, z, w."""
        x, y, z, w = rotation.tolist()
        self._turn.Set(Gf.Quatf(w, x, y, z), code)


def _add_camera(stage: Usd.Stage, aspect: float) -> None:
    camera = UsdGeom.Camera.Define(stage, "/take/camera")
    across = camera.GetHorizontalApertureAttr().Get()  # in tenths of a unit, as the focal length
    camera.CreateHorizontalApertureAttr(across)
    camera.CreateVerticalApertureAttr(across / aspect)
    camera.CreateFocalLengthAttr(float(0.5 * across / np.tan(0.5 * FIELD_OF_VIEW)))
    camera.CreateClippingRangeAttr(Gf.Vec2f(0.01, 100.0))


def _vectors(rows: NDArray) -> Vt.Vec3fArray:
    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(rows, np.float32))


def _write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) RGB."""
    ok, png = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert ok
    path.write_bytes(png.tobytes())
