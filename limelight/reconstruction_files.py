"""The files that `reconstruct` and `solve` write for an image, together or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facemodel import FaceModel
    from facemodel.output_files import Outputs
    from realtime.reconstruction import Reconstruction


class ReconstructionFiles:
    """NAME.json, NAME.obj, NAME.neutral.obj and NAME.png of one image, claimed."""

    def __init__(self, outputs: Outputs, image: Path, folder: Path, picture: bool) -> None:
        """
        Args:
            outputs: where they are claimed.
            image: that they are made from.
            folder: that they lie in.
            picture: NAME.png too.

        Raises:
            LimelightError: one of them may not be written.
        """
        self._outputs = outputs
        self._image = image
        self._folder = folder
        self._picture = picture
        suffixes = [".obj", ".neutral.obj", *([".png"] if picture else []), ".json"]
        self._paths = [outputs.claim(folder / f"{image.stem}{suffix}", [image]) for suffix in suffixes]

    def write(self, image: NDArray[np.uint8], model: FaceModel, faces: Sequence[Reconstruction]) -> None:
        """Write them, NAME.json last: where it is done, the others are. What has no face to show is removed.

        Args:
            image: (H, W, 3) uint8 BGR.
            model: of the faces.
            faces: of the image, the largest first.

        Raises:
            LimelightError: a file cannot be written, or no OpenGL for the picture; the older files stay.
        """
        from realtime.reconstruction import write_reconstruction
        from realtime.reconstruction_picture import write_picture

        try:
            with tempfile.TemporaryDirectory(prefix=".limelight-", dir=self._folder) as name:
                finished = Path(name)
                write_reconstruction(finished, self._image, image, model, faces)
                if faces and self._picture:
                    write_picture(finished / f"{self._image.stem}.png", model, image, faces[0])
                for path in self._paths:
                    if (finished / path.name).exists():
                        self._outputs.publish(finished / path.name, path)
                    else:
                        self._outputs.withdraw(path)
        except OSError as error:
            raise LimelightError(f"{self._folder}: cannot be written ({error.strerror})") from error


def json_of(image: Path, folder: Path) -> Path:
    """Return the path of an image's NAME.json, by which is judged whether the image is done."""
    return folder / f"{image.stem}.json"
