"""Blender: what is run inside it, and the add-on for it."""
