"""The panel in the sidebar of the 3D view, its settings and operators.

Blender reads the annotations of its classes, so they must not be postponed here.
"""

from typing import ClassVar

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy_extras.io_utils import ImportHelper

from .bake import Bake, Timing
from .driven import Part, Puppet
from .live import Live
from .take_file import TakeFileError, read_take_file

_PARTS = (("head", "Head"), ("left_eye", "Left Eye"), ("right_eye", "Right Eye"))


def _has_shape_keys(_settings: bpy.types.PropertyGroup, thing: bpy.types.Object) -> bool:
    return thing.type == "MESH" and thing.data.shape_keys is not None


class Gain(bpy.types.PropertyGroup):
    """What one expression is multiplied by; its name is the expression's."""

    gain: FloatProperty(name="Gain", default=1.0, soft_min=0.0, soft_max=2.0)


class Settings(bpy.types.PropertyGroup):
    """What the panel sets; kept in the scene."""

    path: StringProperty(name="Take", subtype="FILE_PATH")
    mesh: PointerProperty(name="Mesh", type=bpy.types.Object, poll=_has_shape_keys)
    head: PointerProperty(name="Head", type=bpy.types.Object, description="An empty, any object, or an armature")
    head_bone: StringProperty(name="Bone")
    left_eye: PointerProperty(name="Left Eye", type=bpy.types.Object, description="The subject's left")
    left_eye_bone: StringProperty(name="Bone")
    right_eye: PointerProperty(name="Right Eye", type=bpy.types.Object, description="The subject's right")
    right_eye_bone: StringProperty(name="Bone")
    moves: BoolProperty(name="Move the Head", default=True, description="From where it stands; otherwise it only turns")
    start: FloatProperty(name="Start Frame", default=1.0, description="Where the take's first frame goes")
    speed: FloatProperty(name="Speed", default=1.0, min=0.01, soft_max=4.0)
    gains: CollectionProperty(type=Gain)
    shown_gain: IntProperty()
    address: StringProperty(name="Address", default="ws://127.0.0.1:8770")

    def puppet(self) -> Puppet:
        """Return head and eyes as they are chosen.

        Raises:
            ValueError: an armature without a bone of that name, or the same one twice; one line for the user.
        """
        head, *eyes = [self._part(name, label) for name, label in _PARTS]
        return Puppet(head, eyes)

    def gain_of(self) -> dict[str, float]:
        """Return the gains by expression."""
        return {one.name: one.gain for one in self.gains}

    def list_gains(self, names: tuple[str, ...]) -> None:
        """List these expressions; gains that were set stay."""
        kept = self.gain_of()
        self.gains.clear()
        for name in names:
            one = self.gains.add()
            one.name, one.gain = name, kept.get(name, 1.0)

    def _part(self, name: str, label: str) -> Part | None:
        owner, bone = getattr(self, name), getattr(self, f"{name}_bone")
        if owner is None:
            return None
        if owner.type != "ARMATURE":
            return Part(owner)
        if bone and bone not in owner.pose.bones:
            raise ValueError(f"{label}: {owner.name} has no bone {bone}")
        return Part(owner, bone)


class LIMELIGHT_OT_open_take(bpy.types.Operator, ImportHelper):
    """Choose a take that Limelight exported as glTF or NPZ"""

    bl_idname = "limelight.open_take"
    bl_label = "Open Take"

    filter_glob: StringProperty(default="*.glb;*.npz", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.limelight
        try:
            motion = read_take_file(bpy.path.abspath(self.filepath))
        except (TakeFileError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings.path = self.filepath
        settings.list_gains(motion.names)
        self.report({"INFO"}, f"{len(motion.time)} frames, {motion.time[-1]:.2f} s")
        return {"FINISHED"}


class LIMELIGHT_OT_bake(bpy.types.Operator):
    """Put the take onto the mesh, the head and the eyes as keys, in new actions"""

    bl_idname = "limelight.bake"
    bl_label = "Bake"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.limelight
        try:
            motion = read_take_file(bpy.path.abspath(settings.path))
            bake = Bake(
                settings.mesh,
                settings.puppet(),
                Timing(settings.start, settings.speed),
                settings.gain_of(),
                settings.moves,
            )
            missing = bake.run(motion, context.scene)
        except (ValueError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if missing:
            self.report({"WARNING"}, f"{settings.mesh.name} has no shape key for {', '.join(missing)}")
        self.report({"INFO"}, f"{len(motion.time)} frames")
        return {"FINISHED"}


class LIMELIGHT_OT_live(bpy.types.Operator):
    """Show on mesh, head and eyes what Limelight streams; again to stop"""

    bl_idname = "limelight.live"
    bl_label = "Live"

    running: ClassVar[Live | None] = None

    def execute(self, context: bpy.types.Context) -> set[str]:
        if LIMELIGHT_OT_live.running is not None:
            stop_live()
            return {"FINISHED"}
        LIMELIGHT_OT_live.running = Live(context.scene.limelight.address)
        LIMELIGHT_OT_live.running.start()
        return {"FINISHED"}


class LIMELIGHT_UL_gains(bpy.types.UIList):
    """The expressions with their gains."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Settings,
        item: Gain,
        _icon: int,
        _active_data: Settings,
        _active_property: str,
    ) -> None:
        layout.prop(item, "gain", text=item.name)


class LIMELIGHT_PT_panel(bpy.types.Panel):
    """Limelight in the sidebar."""

    bl_label = "Limelight"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Limelight"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.limelight, self.layout
        layout.use_property_split = True
        layout.prop(settings, "mesh")
        for name, _ in _PARTS:
            layout.prop(settings, name)
            owner = getattr(settings, name)
            if owner is not None and owner.type == "ARMATURE":
                layout.prop_search(settings, f"{name}_bone", owner.pose, "bones")
        layout.prop(settings, "moves")

        box = layout.box()
        row = box.row(align=True)
        row.prop(settings, "path")
        row.operator("limelight.open_take", text="", icon="FILEBROWSER")
        box.prop(settings, "start")
        box.prop(settings, "speed")
        box.operator("limelight.bake")

        box = layout.box()
        box.prop(settings, "address")
        live = LIMELIGHT_OT_live.running
        box.operator("limelight.live", text="Stop" if live else "Live", depress=live is not None)
        if live is not None:
            box.label(text=live.state)
        if settings.gains:
            layout.template_list("LIMELIGHT_UL_gains", "", settings, "gains", settings, "shown_gain")


_CLASSES = (
    Gain,
    Settings,
    LIMELIGHT_OT_open_take,
    LIMELIGHT_OT_bake,
    LIMELIGHT_OT_live,
    LIMELIGHT_UL_gains,
    LIMELIGHT_PT_panel,
)


def stop_live() -> None:
    """Receive no more, if anything is received."""
    live, LIMELIGHT_OT_live.running = LIMELIGHT_OT_live.running, None
    if live is not None:
        live.stop()


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    """What is shown lives in the file that goes."""
    stop_live()


def register() -> None:
    """Add the panel to Blender."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.limelight = PointerProperty(type=Settings)
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Take it away."""
    stop_live()
    bpy.app.handlers.load_pre.remove(_before_another_file)
    del bpy.types.Scene.limelight
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
