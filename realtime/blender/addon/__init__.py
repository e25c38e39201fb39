"""Limelight in Blender: takes and live faces on shape keys, head and eyes."""

bl_info = {
    "name": "Limelight",
    "author": "the Limelight authors",
    "version": (0, 1, 0),
    "blender": (4, 2, 0),
    "location": "3D View > Sidebar > Limelight",
    "description": "Takes and live faces of Limelight on shape keys, head and eyes",
    "category": "Animation",
}


def register() -> None:
    """Add the panel and its operators to Blender."""
    from . import panel

    panel.register()


def unregister() -> None:
    """Take them away, and stop receiving."""
    from . import panel

    panel.unregister()
