"""The view: draws the newest tracked frame with OpenGL."""

from __future__ import annotations

from collections.abc import Mapping

import moderngl
import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtOpenGLWidgets import QOpenGLWidget
from PyQt6.QtWidgets import QWidget

from facemodel import FaceModel, LimelightError
from realtime.frame import TrackedFrame
from realtime.light_rig import LightRig
from realtime.observable import Observable
from realtime.render import Environment, FaceRenderer, RenderOptions, ViewMode
from realtime.ui.options import ViewOptions

_ON_PICTURE = (ViewMode.OVERLAY, ViewMode.WIREFRAME)
"""Modes in which the face must lie where the camera saw it, whatever was re-centred."""

_DESK, _STAGE = (0.065, 0.072, 0.085), (0.0, 0.0, 0.0)
"""sRGB beside and behind the picture: in the window, and in full screen, where it goes to a projector."""


class FaceView(QOpenGLWidget):
    """Shows one tracked frame with the face that was computed from that very frame.

    Repaints only when the frame, the options or the light change. Dragging with the right button, or with Ctrl, is
    told through `light_dragged` (radians right and up in the picture); `failed` carries one line if OpenGL does;
    `shown` carries a tracked frame once, when its picture has come to the screen.
    """

    light_dragged = pyqtSignal(float, float)
    shown = pyqtSignal(object)
    failed = pyqtSignal(str)

    def __init__(
        self,
        model: FaceModel,
        options: Observable[ViewOptions],
        rig: Observable[LightRig],
        environments: Mapping[str, Environment],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._options = options
        self._rig = rig
        self._environment_sh = {name: environment.sh for name, environment in environments.items()}
        self._result: TrackedFrame | None = None
        self._painted: TrackedFrame | None = None  # drawn, but not yet on the screen
        self._seen: TrackedFrame | None = None  # the newest on the screen
        self._drawn = np.empty(model.layout.size, np.float32)
        self._ctx: moderngl.Context | None = None
        self._renderer: FaceRenderer | None = None
        self._grabbed_at: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.frameSwapped.connect(self._tell_shown)
        options.listen(lambda _options: self.update())
        rig.listen(lambda _rig: self.update())

    @property
    def result(self) -> TrackedFrame | None:
        """The tracked frame that is shown."""
        return self._result

    def show_result(self, result: TrackedFrame | None) -> None:
        """Show another tracked frame, or none."""
        self._result = result
        self.update()

    def release(self) -> None:
        """Free the OpenGL objects, while the widget and its context still live."""
        if self._renderer is not None:
            self.makeCurrent()
            self._renderer.release()
            self._renderer = None
            self.doneCurrent()

    def initializeGL(self) -> None:
        try:
            self._ctx = moderngl.create_context(require=330)
            self._renderer = FaceRenderer(self._ctx, self._model)
        except LimelightError as error:
            self.failed.emit(str(error))
        except Exception as error:  # moderngl raises bare Exception
            self.failed.emit(f"the picture cannot be drawn: OpenGL 3.3 is needed ({error}); update the GPU driver")

    def paintGL(self) -> None:
        if self._ctx is None or self._renderer is None:
            return
        result, options = self._result, self._options.value
        target = self._ctx.detect_framebuffer(self.defaultFramebufferObject())
        ratio = self.devicePixelRatioF()
        viewport = (0, 0, round(self.width() * ratio), round(self.height() * ratio))
        light = self._rig.value
        self._renderer.draw(
            target,
            viewport,
            None if result is None else result.frame.image,
            None if result is None else self._relit(result, options.mode, light),
            RenderOptions(
                mode=options.mode,
                mirror=options.mirror,
                diffuse=light.diffuse,
                specular=light.specular,
                opacity=options.opacity,
                whole_head=options.whole_head,
                background=_STAGE if self.window().isFullScreen() else _DESK,
            ),
            None if result is None else (result.frame.image.shape[1], result.frame.image.shape[0]),
        )
        self._painted = result

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.button() == Qt.MouseButton.RightButton or (event.button() == Qt.MouseButton.LeftButton and with_ctrl):
            self._grabbed_at = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if self._grabbed_at is None:
            return
        moved = event.position() - self._grabbed_at
        self._grabbed_at = event.position()
        per_pixel = np.pi / max(1, min(self.width(), self.height()))
        side = -1.0 if self._options.value.mirror else 1.0
        self.light_dragged.emit(side * moved.x() * per_pixel, -moved.y() * per_pixel)

    def mouseReleaseEvent(self, _event: QMouseEvent | None) -> None:
        self._grabbed_at = None

    def _tell_shown(self) -> None:
        """What was drawn last is on the screen; it may have been before, with other options or in another light."""
        painted, self._painted = self._painted, None
        if painted is not None and painted is not self._seen:
            self._seen = painted
            self.shown.emit(painted)

    def _relit(self, result: TrackedFrame, mode: ViewMode, light: LightRig) -> NDArray[np.float32] | None:
        """(P,) parameters to draw, in the rig's light; the tracked ones stay as they are."""
        tracked = result.smoothed if mode in _ON_PICTURE or result.centred is None else result.centred
        if tracked is None:
            return None
        return light.apply(self._model.layout, tracked, self._drawn, self._environment_sh)
