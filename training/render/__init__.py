"""Rendering: rasterisers, the shading of Eq. 4 and 5, random faces and what surrounds them."""
