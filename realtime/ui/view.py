"""The view: draws the newest result with OpenGL."""

from __future__ import annotations

import logging
from collections.abc import Callable

import moderngl
import numpy as np
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QWheelEvent
from PyQt6.QtOpenGLWidgets import QOpenGLWidget
from PyQt6.QtWidgets import QApplication, QWidget

from facemodel import FaceModel, LimelightError
from realtime.frame import Result
from realtime.light.lighting import Lighting
from realtime.observable import Observable
from realtime.one_line import one_line
from realtime.ui.frame_sink import Shown
from realtime.ui.light_marks import LightMark
from realtime.ui.options import Compared, ViewOptions
from realtime.ui.painter import Painter, Painting
from realtime.ui.picture_fit import PictureFit

_log = logging.getLogger(__name__)

_DESK, _STAGE = (0.065, 0.072, 0.085), (0.0, 0.0, 0.0)
"""sRGB beside and behind the picture: in the window, and in full screen, where it goes to a projector."""

_NEAR_WIPE = 10.0
"""px within which the mouse grabs the line between two versions."""


class FaceView(QOpenGLWidget):
    """Shows one result: its frame with the faces that were computed from that very frame, or the performer's alone.

    With `ViewOptions.compared` it shows another version instead, or both with a line between them, which the mouse
    moves: that of a companion, where one was given with the result, or else the network's own parameters.

    Repaints when the result or the options change. Dragging the handle of a light is told through `light_grabbed` (its
    number) and `light_dragged` (radians right and up in the picture), dragging with the right button, or with Ctrl,
    through the latter alone, both between two of `light_held` (True and False), the wheel on a handle through
    `light_grabbed` and `light_dimmed` (steps), a click into the picture through `picked` (x, y in frame pixels), where
    the line between two versions is dragged to through `wiped` (0 to 1); `failed` carries one line if OpenGL does;
    `shown` carries a result once, when its picture has come to the screen.

    Attributes:
        handles: of the lights, as they are marked over the picture.
    """

    light_grabbed = pyqtSignal(int)
    light_held = pyqtSignal(bool)
    light_dimmed = pyqtSignal(float)
    light_dragged = pyqtSignal(float, float)
    picked = pyqtSignal(float, float)
    wiped = pyqtSignal(float)
    shown = pyqtSignal(object)
    failed = pyqtSignal(str)

    def __init__(
        self,
        model: FaceModel,
        options: Observable[ViewOptions],
        lighting: Callable[[Result | None], Lighting],
        parent: QWidget | None = None,
        warm: bool = False,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._options = options
        self._lighting = lighting
        self._warm = warm
        self._trouble = ""
        self.handles: tuple[LightMark, ...] = ()
        self._result: Result | None = None
        self._painted: Result | None = None  # drawn, but not yet on the screen
        self._seen: Result | None = None  # the newest on the screen
        self._companion: Shown | None = None
        self._painter: Painter | None = None
        self._wiping = False
        self._grabbed_at: QPointF | None = None
        self._pressed_at: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.frameSwapped.connect(self._tell_shown)
        options.listen(lambda _options: self.update())

    @property
    def result(self) -> Result | None:
        """The result that is shown."""
        return self._result

    @property
    def model(self) -> FaceModel:
        """The face model that the result's parameters drive."""
        return self._model

    @property
    def fit(self) -> PictureFit | None:
        """Where the frame lies in the view; None while there is none."""
        if self._result is None:
            return None
        height, width = self._result.frame.image.shape[:2]
        options = self._options.value
        return PictureFit((width, height), (self.width(), self.height()), options.mode, options.mirror)

    @property
    def lighting(self) -> Lighting:
        """What the show says of the result at this moment."""
        return self._lighting(self._result)

    @property
    def companion(self) -> Shown | None:
        """What is shown as the other version of the result; None where that is the network's own parameters."""
        return self._companion

    def show_result(
        self, result: Result | None, model: FaceModel | None = None, companion: Shown | None = None
    ) -> None:
        """Show another result, or none.

        Args:
            result: of any size.
            model: that its parameters drive; None for the one before.
            companion: the same moment in another version.
        """
        self._result, self._companion = result, companion
        self._model = model or self._model
        self.update()

    def release(self) -> None:
        """Free the OpenGL objects, while the widget and its context still live."""
        if self._painter is not None:
            self.makeCurrent()
            self._painter.release()
            self._painter = None
            self.doneCurrent()

    def initializeGL(self) -> None:
        try:
            self._painter = Painter(moderngl.create_context(require=330), self._model, self._warm)
        except LimelightError as error:
            self.failed.emit(str(error))
        except Exception as error:  # moderngl raises bare Exception
            self.failed.emit(f"the picture cannot be drawn: OpenGL 3.3 is needed ({error}); update the GPU driver")

    def paintGL(self) -> None:
        if self._painter is None:
            return
        target = self._painter.ctx.detect_framebuffer(self.defaultFramebufferObject())
        ratio = self.devicePixelRatioF()
        viewport = (0, 0, round(self.width() * ratio), round(self.height() * ratio))
        painting = Painting(
            shown=None if self._result is None else (self._result, self._model),
            companion=self._companion,
            options=self._options.value,
            lighting=self.lighting,
            background=_STAGE if self.window().isFullScreen() else _DESK,
        )
        try:
            self._painter.paint(target, viewport, painting)
        except Exception as error:  # of a driver, whatever it is: said once, while everything else goes on
            line = f"the picture cannot be drawn: {one_line(error)}"
            if line != self._trouble:
                self._trouble = line
                _log.exception("the view failed")
                self.failed.emit(line)
            return
        self._trouble = ""
        self._painted = self._result

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.button() == Qt.MouseButton.RightButton or (left and with_ctrl):
            self._grab(event.position())
        elif left and (handle := self._handle_at(event.position())) is not None:
            self._grab(event.position())
            self.light_grabbed.emit(handle.number)
        elif left and self._at_wipe(event.position()):
            self._wiping = True
        elif left:
            self._pressed_at = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if self._wiping:
            self.wiped.emit(min(max(event.position().x() / max(1, self.width()), 0.0), 1.0))
            return
        if self._pressed_at is not None:
            moved = (event.position() - self._pressed_at).manhattanLength()
            if moved >= QApplication.startDragDistance():
                self._pressed_at = None  # a drag, no click
        if self._grabbed_at is None:
            return
        moved_by = event.position() - self._grabbed_at
        self._grabbed_at = event.position()
        per_pixel = np.pi / max(1, min(self.width(), self.height()))
        side = -1.0 if self._options.value.mirror else 1.0
        self.light_dragged.emit(side * moved_by.x() * per_pixel, -moved_by.y() * per_pixel)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._grabbed_at is not None:
            self.light_held.emit(False)
        pressed_at, self._pressed_at, self._grabbed_at, self._wiping = self._pressed_at, None, None, False
        fit = self.fit
        if pressed_at is None or fit is None or event.button() != Qt.MouseButton.LeftButton:
            return
        place = fit.to_frame(pressed_at.x(), pressed_at.y())
        if place is not None:
            self.picked.emit(*place)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if (handle := self._handle_at(event.position())) is not None:
            self.light_grabbed.emit(handle.number)
            self.light_dimmed.emit(event.angleDelta().y() / 120.0)
            event.accept()
        else:
            event.ignore()

    def _grab(self, position: QPointF) -> None:
        self._grabbed_at = position
        self.light_held.emit(True)

    def _handle_at(self, position: QPointF) -> LightMark | None:
        """The light whose handle lies under the mouse; of several, the one before the head."""
        near = [
            mark for mark in self.handles
            if (position - QPointF(mark.x, mark.y)).manhattanLength() < 1.5 * mark.radius
        ]  # fmt: skip
        return min(near, key=lambda mark: mark.behind, default=None)

    def _at_wipe(self, position: QPointF) -> bool:
        options = self._options.value
        return options.compared is Compared.WIPE and abs(position.x() - options.wipe * self.width()) < _NEAR_WIPE

    def _tell_shown(self) -> None:
        """What was drawn last is on the screen; it may have been before, with other options or in another light."""
        painted, self._painted = self._painted, None
        if painted is not None and painted is not self._seen:
            self._seen = painted
            self.shown.emit(painted)
