"""Runs inside Blender: installs the add-on, bakes a take with it, then shows what a stream sends.

Usage: use_addon.py ADDON.zip TAKE OUT.npz ADDRESS FRAME..., frames of the take, which is at 30 a second.
"""

import json
import math
import os
import random
import sys
import time

import bpy
import numpy as np
from mathutils import Euler

START, SPEED, GAIN = 11.0, 2.0, 0.5


def spellings(name):
    """One expression as other programs write it."""
    side = "Left" if name.endswith("Left") else "Right" if name.endswith("Right") else ""
    stem = name.removesuffix(side)
    pascal = stem[0].upper() + stem[1:]
    snake = "".join("_" + c.lower() if c.isupper() else c for c in stem)
    return [
        pascal + side,
        snake + ("_" + side.lower() if side else ""),
        stem + ("_" + side[0] if side else ""),
        "Face." + pascal + side,
        stem + ("." + side[0] if side else "") + ".001",
        ("L_" if side == "Left" else "R_" if side else "") + stem,
    ]


def make_mesh(names):
    """A mesh whose shape keys stand in another order, in other spellings, among others; with each key's expression."""
    mesh = bpy.data.meshes.new("body")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new("body", mesh)
    bpy.context.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    shuffled = list(names)
    random.Random(3).shuffle(shuffled)
    expression_of = {}
    for i, name in enumerate(shuffled):
        if i % 10 == 0:
            thing.shape_key_add(name=f"corrective{i}").value = 0.0  # 1 in Blender 5
        spelled = spellings(name)[i % 6]
        expression_of[thing.shape_key_add(name=spelled).name] = name
    return thing, expression_of


def make_armature():
    """Bones that lean and roll, with eyes as children of the head, on an object that is turned and scaled."""
    armature = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("rig", armature)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, head, tail, roll in (
        ("neck", (0, 0, 1), (0, 0.1, 1.4), 0.2),
        ("head", (0, 0.1, 1.4), (0.1, 0.2, 1.8), 0.4),
        ("eye.L", (0.1, 0, 1.7), (0.15, -0.2, 1.7), -0.3),
        ("eye.R", (-0.1, 0, 1.7), (-0.15, -0.2, 1.72), 1.0),
    ):
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = head, tail, roll
        bone.parent = armature.edit_bones["head" if name.startswith("eye") else "neck"] if name != "neck" else None
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.rotation_euler, rig.scale = (0.3, 0.2, 0.7), (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    return rig


def make_empties():
    """Empties that stand and are turned as somebody left them; one eye is a child of the head, the other is not."""
    head, left, right = (bpy.data.objects.new(name, None) for name in ("headEmpty", "leftEmpty", "rightEmpty"))
    for one in (head, left, right):
        bpy.context.collection.objects.link(one)
    head.location, head.rotation_euler = (1, 2, 3), Euler((0.1, -0.4, 0.8))
    left.parent = head
    left.rotation_euler = Euler((0.5, 0.1, 0.2))
    right.rotation_euler = Euler((-0.2, 0.1, 0.9))
    bpy.context.view_layer.update()
    return head, left, right


def world_turns(things):
    """Turns of objects or (rig, bone) in the world, (K, 3, 3), and the first one's place."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    matrices = []
    for thing in things:
        if isinstance(thing, tuple):
            rig = thing[0].evaluated_get(depsgraph)
            matrices.append(rig.matrix_world @ rig.pose.bones[thing[1]].matrix)
        else:
            matrices.append(thing.evaluated_get(depsgraph).matrix_world)
    return [np.array(m.to_quaternion().to_matrix()) for m in matrices], np.array(matrices[0].translation)


class Layout:
    """Stands in for what a panel draws on, which a Blender without windows lacks: what is drawn must exist."""

    def __getattr__(self, name):
        return lambda *arguments, **options: Layout()

    def prop(self, data, name, **options):
        assert name in data.bl_rna.properties, name

    def prop_search(self, data, name, where, among):
        assert name in data.bl_rna.properties and len(getattr(where, among))

    def operator(self, name, **options):
        group, _, operator = name.partition(".")
        assert operator in dir(getattr(bpy.ops, group)), name

    def template_list(self, kind, _, data, items, active_data, active):
        for item in getattr(data, items):
            getattr(bpy.types, kind).draw_item(None, bpy.context, self, data, item, 0, active_data, active)


def draw_panel():
    panel = type("Drawn", (), {"layout": Layout()})()
    bpy.types.LIMELIGHT_PT_panel.draw(panel, bpy.context)


def main(addon, take, out, address, frames):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    installed = bpy.ops.extensions.package_install_files(filepath=addon, repo="user_default", enable_on_install=True)
    assert installed == {"FINISHED"}
    scene = bpy.context.scene
    scene.render.fps = 30
    settings = scene.limelight
    assert bpy.ops.limelight.open_take(filepath=take) == {"FINISHED"}
    names = [one.name for one in settings.gains]
    body, expression_of = make_mesh(names)
    rig, empties = make_armature(), make_empties()
    bones = [(rig, "head"), (rig, "eye.L"), (rig, "eye.R")]
    found = {"names": names, "keys": list(expression_of), "expressions": list(expression_of.values())}

    settings.mesh, settings.start, settings.speed = body, START, SPEED
    settings.gains["jawOpen"].gain = GAIN
    settings.head, settings.left_eye, settings.right_eye = rig, rig, rig
    settings.head_bone, settings.left_eye_bone, settings.right_eye_bone = "head", "eye.L", "eye.R"
    found["bones_rest"], found["bones_place_rest"] = world_turns(bones)
    found["empties_rest"], found["empties_place_rest"] = world_turns(empties)
    draw_panel()
    assert bpy.ops.limelight.bake() == {"FINISHED"}
    settings.head, settings.left_eye, settings.right_eye = empties
    assert bpy.ops.limelight.bake() == {"FINISHED"}, "again, on other targets"
    settings.left_eye = empties[0]
    actions = len(bpy.data.actions)
    refused = ""
    try:
        bpy.ops.limelight.bake()
    except RuntimeError as error:
        refused = str(error)
    assert "headEmpty is chosen twice" in refused, refused
    assert len(bpy.data.actions) == actions
    settings.left_eye = empties[1]

    rows = {"weights": [], "others": [], "bones": [], "empties": [], "bones_place": [], "empties_place": []}
    for frame in frames:
        shown = START + frame / SPEED
        scene.frame_set(math.floor(shown), subframe=shown % 1.0)
        blocks = body.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks
        rows["weights"].append([blocks[key].value for key in expression_of])
        rows["others"].append([block.value for block in blocks if block.name.startswith("corrective")])
        for name, things in (("bones", bones), ("empties", empties)):
            turns, place = world_turns(things)
            rows[name].append(turns)
            rows[f"{name}_place"].append(place)
    found |= rows

    for animated in (body.data.shape_keys, rig, *empties):
        animated.animation_data_clear()
    for one in empties:
        one.delta_rotation_quaternion, one.delta_location = (1, 0, 0, 0), (0, 0, 0)
    settings.address = address
    assert bpy.ops.limelight.live() == {"FINISHED"}
    running = bpy.types.LIMELIGHT_OT_live.running
    assert running.is_started
    draw_panel()
    end = time.monotonic() + 20.0
    while running.shown < 3 and time.monotonic() < end:  # there is no event loop here to call it
        time.sleep(running.step())
    assert running.shown >= 3, running.state
    assert running.state == "connected"
    settings.right_eye, settings.right_eye_bone = rig, "none"
    shown = running.shown
    while "has no bone" not in running.state and time.monotonic() < end:
        time.sleep(running.step())
    assert running.shown == shown and running.state == "Right Eye: rig has no bone none"
    bare = bpy.data.objects.new("bare", bpy.data.meshes.new("bare"))
    settings.mesh = bare
    while "shape keys" not in running.state and time.monotonic() < end:
        time.sleep(running.step())
    assert running.shown == shown and running.state == "bare has no shape keys"
    settings.mesh = body
    bpy.context.view_layer.update()
    found["live_weights"] = [body.data.shape_keys.key_blocks[key].value for key in expression_of]
    found["live_empties"], found["live_place"] = world_turns(empties)
    assert bpy.ops.limelight.live() == {"FINISHED"}
    assert bpy.types.LIMELIGHT_OT_live.running is None and not running.is_started
    np.savez(out, **found)
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.limelight")
    print(json.dumps({"version": bpy.app.version_string, "left": hasattr(scene, "limelight")}))


main(*sys.argv[1:5], [float(frame) for frame in sys.argv[5:]])
sys.stdout.flush()
os._exit(0)  # Blender as a module may crash as Python takes it down
