"""OpenCV without its side effects: import `cv2` from here, never directly.

Three things are put right. On Linux, importing `cv2` points QT_QPA_PLATFORM_PLUGIN_PATH and QT_QPA_FONTDIR at
the plugins and fonts of OpenCV's own Qt, which keeps PyQt6 from starting: the environment is put back. And
OpenCV and its FFmpeg write warnings to the terminal beside the errors that they return: they are silenced,
since callers turn every failure into one line of their own. OPENCV_LOG_LEVEL and OPENCV_FFMPEG_LOGLEVEL bring
them back. On Linux a read from a camera that hangs blocks for 10 s: here for one, so that closing lets it go.
"""

from __future__ import annotations

import os

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")  # seconds

import cv2  # noqa: E402

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

__all__ = ["cv2"]
