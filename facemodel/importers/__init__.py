"""Face models that users bring themselves, turned into our face model file."""
