"""The light that a face is shown in, apart from what was estimated."""
