"""USD: the person's head as a UsdSkel mesh with 52 blend shapes, eyes that turn, lights and camera, animated.

`.usdz` holds pictures too: the albedo as a texture and the SH light as a dome. `.usdc`, `.usda` and `.usd` are one file
without pictures, with colours of vertices and a dome of one colour.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from facemodel import LimelightError
from realtime.takes.clip import Clip

extension = ".usdz"

_WITHOUT_PICTURES = (".usdc", ".usda", ".usd")

suffixes = (extension, *_WITHOUT_PICTURES)


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`. The end of the path says which kind of USD."""
    try:
        from realtime.takes.usd_stage import pack, write_stage
    except ImportError as error:
        raise LimelightError(f"USD needs one more package ({error.name}): pip install 'limelight[export]'") from error
    clip.require_arkit()
    if path.suffix in _WITHOUT_PICTURES:
        write_stage(clip, path)
        return
    with tempfile.TemporaryDirectory(prefix="limelight-", ignore_cleanup_errors=True) as folder:
        layer = Path(folder) / "take.usdc"
        write_stage(clip, layer, with_pictures=True)
        pack(layer, path)
