"""The view: draws the newest result with OpenGL."""

from __future__ import annotations

from collections.abc import Mapping

import moderngl
import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtOpenGLWidgets import QOpenGLWidget
from PyQt6.QtWidgets import QApplication, QWidget

from facemodel import FaceModel, LimelightError
from realtime.frame import Result
from realtime.light_rig import LightRig
from realtime.observable import Observable
from realtime.render import Environment, FaceRenderer, RenderOptions, ViewMode
from realtime.ui.face_marks import SEEN
from realtime.ui.options import ViewOptions
from realtime.ui.picture_fit import PictureFit

_ON_PICTURE = (ViewMode.OVERLAY, ViewMode.WIREFRAME)
"""Modes in which faces must lie where the camera saw them, whatever was re-centred."""

_DESK, _STAGE = (0.065, 0.072, 0.085), (0.0, 0.0, 0.0)
"""sRGB beside and behind the picture: in the window, and in full screen, where it goes to a projector."""


class FaceView(QOpenGLWidget):
    """Shows one result: its frame with the faces that were computed from that very frame, or the performer's alone.

    Repaints only when the result, the options or the light change. Dragging with the right button, or with Ctrl, is
    told through `light_dragged` (radians right and up in the picture), a click into the picture through `picked` (x, y
    in frame pixels); `failed` carries one line if OpenGL does; `shown` carries a result once, when its picture has come
    to the screen.
    """

    light_dragged = pyqtSignal(float, float)
    picked = pyqtSignal(float, float)
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
        self._result: Result | None = None
        self._painted: Result | None = None  # drawn, but not yet on the screen
        self._seen: Result | None = None  # the newest on the screen
        self._lit: list[NDArray[np.float32]] = []  # (P,) each, in the rig's light
        self._ctx: moderngl.Context | None = None
        self._renderer: FaceRenderer | None = None
        self._drawn_model: FaceModel | None = None  # that the renderer was made for
        self._grabbed_at: QPointF | None = None
        self._pressed_at: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.frameSwapped.connect(self._tell_shown)
        options.listen(lambda _options: self.update())
        rig.listen(lambda _rig: self.update())

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

    def show_result(self, result: Result | None, model: FaceModel | None = None) -> None:
        """Show another result, or none.

        Args:
            result: of any size.
            model: that its parameters drive; None for the one before.
        """
        self._result = result
        self._model = model or self._model
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
            self._prepare_renderer(self._ctx)
        except LimelightError as error:
            self.failed.emit(str(error))
        except Exception as error:  # moderngl raises bare Exception
            self.failed.emit(f"the picture cannot be drawn: OpenGL 3.3 is needed ({error}); update the GPU driver")

    def paintGL(self) -> None:
        if self._ctx is None or self._renderer is None:
            return
        renderer = self._prepare_renderer(self._ctx)
        result, options = self._result, self._options.value
        target = self._ctx.detect_framebuffer(self.defaultFramebufferObject())
        ratio = self.devicePixelRatioF()
        viewport = (0, 0, round(self.width() * ratio), round(self.height() * ratio))
        light = self._rig.value
        renderer.draw(
            target,
            viewport,
            None if result is None else result.frame.image,
            [] if result is None else self._relit(result, options, light),
            RenderOptions(
                mode=options.mode,
                mirror=options.mirror,
                diffuse=light.diffuse,
                specular=light.specular,
                opacity=options.opacity,
                whole_head=options.whole_head or options.alone,
                background=_STAGE if self.window().isFullScreen() else _DESK,
            ),
            None if result is None else (result.frame.image.shape[1], result.frame.image.shape[0]),
        )
        self._painted = result

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.button() == Qt.MouseButton.RightButton or (left and with_ctrl):
            self._grabbed_at = event.position()
        elif left:
            self._pressed_at = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
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
        pressed_at, self._pressed_at, self._grabbed_at = self._pressed_at, None, None
        fit = self.fit
        if pressed_at is None or fit is None or event.button() != Qt.MouseButton.LeftButton:
            return
        place = fit.to_frame(pressed_at.x(), pressed_at.y())
        if place is not None:
            self.picked.emit(*place)

    def _prepare_renderer(self, ctx: moderngl.Context) -> FaceRenderer:
        """The renderer of the result's face model; needs the context to be current."""
        if self._renderer is None or self._drawn_model is not self._model:
            if self._renderer is not None:
                self._renderer.release()
            self._renderer = FaceRenderer(ctx, self._model)
            self._drawn_model = self._model
            self._lit = []
        return self._renderer

    def _tell_shown(self) -> None:
        """What was drawn last is on the screen; it may have been before, with other options or in another light."""
        painted, self._painted = self._painted, None
        if painted is not None and painted is not self._seen:
            self._seen = painted
            self.shown.emit(painted)

    def _relit(self, result: Result, options: ViewOptions, light: LightRig) -> list[NDArray[np.float32]]:
        """(P,) parameters of each face to draw, in the rig's light; the tracked ones stay as they are."""
        layout = self._model.layout
        if options.mode in _ON_PICTURE:
            shown = [face.smoothed for face in result.faces if options.alone or face.state in SEEN]
            shown.sort(key=lambda vector: float(layout.view(vector).scale))  # the farther ones first
        elif (performer := result.performer) is not None:
            shown = [performer.smoothed if performer.centred is None else performer.centred]
        else:
            shown = []
        while len(self._lit) < len(shown):
            self._lit.append(np.empty(layout.size, np.float32))
        return [
            light.apply(layout, vector, lit, self._environment_sh)
            for vector, lit in zip(shown, self._lit, strict=False)
        ]
