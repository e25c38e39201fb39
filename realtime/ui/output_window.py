"""Windows for the audience: full screen on a display, with nothing in them but what is to be seen."""

from __future__ import annotations

import logging

import moderngl
from PyQt6.QtCore import QObject, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QGuiApplication, QScreen
from PyQt6.QtOpenGLWidgets import QOpenGLWidget

from facemodel import FaceModel
from realtime.one_line import one_line
from realtime.outputs.display import DisplayOutput, DisplayState, Look, display_for
from realtime.render import Composer
from realtime.render.result_scenes import ResultScenes
from realtime.ui.card import draw_test_card
from realtime.ui.display import describe_screen

_log = logging.getLogger(__name__)

_GLANCE_MS = 250
_GRACE_MS = 1000
"""For so long a window stays that nobody wants: another feed may begin, and the audience must see no desktop."""


class OutputScreens(QObject):
    """Opens, moves and closes the windows of outputs; see `realtime.sinks.contract.Screens`.

    An output whose display is not there waits for it. Made, and `shut_down`, on Qt's thread.

    Attributes:
        windows: by output; also those that wait for their display.
    """

    _opened = pyqtSignal(object)
    _refreshed = pyqtSignal(object)
    _closed = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.windows: dict[DisplayOutput, OutputWindow] = {}
        self._leaving: set[DisplayOutput] = set()
        self._opened.connect(self._open)  # on this object's thread, wherever they are emitted
        self._refreshed.connect(self._refresh)
        self._closed.connect(self._leave)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.screenAdded.connect(lambda _screen: self.place())
        application.screenRemoved.connect(self._removed)

    def open(self, output: DisplayOutput) -> None:
        self._opened.emit(output)

    def refresh(self, output: DisplayOutput) -> None:
        self._refreshed.emit(output)

    def close(self, output: DisplayOutput) -> None:
        self._closed.emit(output)

    def place(self, without: QScreen | None = None) -> None:
        """Put every window where its display is, and hide those whose display is not there.

        Args:
            without: a display that is going away.
        """
        screens = {n: screen for n, screen in enumerate(QGuiApplication.screens(), 1) if screen is not without}
        names = {number: screen.name() for number, screen in screens.items()}
        for output, window in self.windows.items():
            number = display_for(output.wanted, names)
            if number is None:
                window.hide()
                there = "; ".join(f"{n} {describe_screen(screen)}" for n, screen in screens.items()) or "none"
                wanted = f"display {output.wanted}" if output.wanted else "second display"
                output.place, output.there = f"waits: there is no {wanted} (there is {there})", False
            else:
                window.show_on(screens[number])
                output.place, output.there = describe_screen(screens[number]), True

    def shut_down(self) -> None:
        """Close all windows."""
        for output in [*self.windows]:
            self._take_away(output)

    def _open(self, output: DisplayOutput) -> None:
        self._leaving.discard(output)
        if output not in self.windows:
            self.windows[output] = OutputWindow(output)
        self.place()

    def _refresh(self, output: DisplayOutput) -> None:
        if (window := self.windows.get(output)) is not None:
            window.refresh()

    def _leave(self, output: DisplayOutput) -> None:
        self._leaving.add(output)
        QTimer.singleShot(_GRACE_MS, lambda: self._take_away(output) if output in self._leaving else None)

    def _take_away(self, output: DisplayOutput) -> None:
        self._leaving.discard(output)
        if (window := self.windows.pop(output, None)) is not None:
            window.end()
            output.place, output.there = "", None

    def _removed(self, screen: QScreen) -> None:
        self.place(without=screen)  # at once: Qt moves its windows to the operator's display otherwise


class OutputWindow(QOpenGLWidget):
    """Shows an output: its picture letter-boxed on black, black, the picture as it stood, or a test card.

    It has no frame and no cursor, never takes the keyboard, and no key or click does anything to it. What was drawn
    last without an error is kept as pixels, and shown when drawing fails or nothing comes, if the output holds it.

    Attributes:
        shown: results so far.
    """

    def __init__(self, output: DisplayOutput) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowDoesNotAcceptFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.setWindowTitle("Limelight output")
        self.setAccessibleName(f"Output on {output.name}")
        self.shown = 0
        self._output = output
        self._ctx: moderngl.Context | None = None
        self._artist: _Artist | None = None
        self._drawn: Look | None = None  # the last one that was drawn without an error
        self._ending = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._glance)
        self._timer.start(_GLANCE_MS)

    def show_on(self, screen: QScreen) -> None:
        """Fill a display."""
        geometry = screen.geometry()
        if self.isVisible() and self.screen() is screen and self.geometry() == geometry:
            return
        self.setScreen(screen)
        self.setGeometry(geometry)
        self.setWindowState(Qt.WindowState.WindowFullScreen)
        self.show()  # `showFullScreen` would ask for the keyboard
        self.setGeometry(geometry)  # where there is no window manager to do it

    def refresh(self) -> None:
        """Draw again soon."""
        if self.isVisible():
            self.update()
        else:
            self._output.take()  # or nothing is told of what comes next

    def end(self) -> None:
        """Close for good."""
        self._ending = True
        self._timer.stop()
        if self._ctx is not None:
            self.makeCurrent()
            self._release()
            self.doneCurrent()
        self.close()
        self.deleteLater()

    def initializeGL(self) -> None:
        self._artist = self._drawn = None  # Qt made another context: what the first one held went with it
        try:
            self._ctx = moderngl.create_context(require=330)
        except Exception as error:  # moderngl raises bare Exception
            self._ctx = None
            self._output.trouble = f"no OpenGL 3.3: {one_line(error)}"

    def paintGL(self) -> None:
        look, state = self._output.take(), self._output.state
        if state is DisplayState.TEST_CARD:
            self._count(look)
            screen = self.screen()
            lines = (describe_screen(screen) if screen else "", self._output.name, f"frame {self.shown}")
            draw_test_card(self, lines)
            return
        if self._ctx is None:
            return
        ratio = self.devicePixelRatioF()
        size = round(self.width() * ratio), round(self.height() * ratio)
        target = self._ctx.detect_framebuffer(self.defaultFramebufferObject())
        silent = self._output.silent
        fresh = state is DisplayState.PICTURE and not silent
        if look is not None and (fresh or (state is DisplayState.FREEZE and self._drawn is None)):
            self._draw(self._ctx, look, size)
        good = fresh and not self._output.trouble
        kept = None if self._artist is None else self._artist.kept
        if state is not DisplayState.BLACK and kept and (good or state is DisplayState.FREEZE or self._output.holds):
            self._ctx.copy_framebuffer(target, kept)
        else:
            target.clear(0.0, 0.0, 0.0, 1.0)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if not self._ending:
            event.ignore()

    def _draw(self, ctx: moderngl.Context, look: Look, size: tuple[int, int]) -> None:
        """Draw a look, and keep it if that goes well."""
        artist = self._artist
        if artist is not None and look is self._drawn and artist.kept and artist.kept.size == size:
            return
        try:
            if artist is None:
                artist = self._artist = _Artist(ctx)
            artist.draw(look, size)
        except Exception as error:  # whatever it is, the audience does not see it
            line = f"drawing failed: {one_line(error)}"
            if line != self._output.trouble:
                _log.exception("%s failed", self._output.name)
            self._output.trouble = line
            return
        self._output.trouble = ""
        self._count(look)

    def _count(self, look: Look | None) -> None:
        if look is not None and look is not self._drawn:
            self.shown += 1
            self._drawn = look

    def _glance(self) -> None:
        """Follow the display's resolution, and time."""
        if self.isVisible() and (screen := self.screen()) is not None:
            self.show_on(screen)
            self.update()

    def _release(self) -> None:
        if self._artist is not None:
            self._artist.release()
        self._artist = None


class _Artist:
    """Draws looks into memory of a context's: a look that fails half-way does not spoil the one before.

    Attributes:
        kept: the last one that was drawn without an error; None if there is none.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.kept: moderngl.Framebuffer | None = None
        self._spare: moderngl.Framebuffer | None = None
        self._model: FaceModel | None = None
        self._composer: Composer | None = None
        self._scenes: ResultScenes | None = None

    def draw(self, look: Look, size: tuple[int, int]) -> None:
        """Draw a look in a size, px."""
        if self._spare is None or self._spare.size != size:
            self._spare = _renewed(self._ctx, self._spare, size)
        if self._composer is None or self._scenes is None or self._model is not look.model:
            self._composer, old = Composer(self._ctx, look.model), self._composer
            self._model, self._scenes = look.model, ResultScenes(look.model.layout)
            if old is not None:
                old.release()
            if look.cues:
                self._composer.warm(self._spare)
        scene = self._scenes(look.result, look.options, look.result.lighting, look.alone)
        self._composer.draw(self._spare, (0, 0, *size), scene)
        self.kept, self._spare = self._spare, self.kept

    def release(self) -> None:
        """Free the OpenGL objects."""
        if self._composer is not None:
            self._composer.release()
        for buffer in (self.kept, self._spare):
            if buffer is not None:
                _free(buffer)


def _renewed(ctx: moderngl.Context, old: moderngl.Framebuffer | None, size: tuple[int, int]) -> moderngl.Framebuffer:
    if old is not None:
        _free(old)
    return ctx.simple_framebuffer(size, components=4)


def _free(buffer: moderngl.Framebuffer) -> None:
    """Release a framebuffer and what it draws into."""
    for attachment in (*buffer.color_attachments, buffer.depth_attachment):
        if attachment is not None:
            attachment.release()
    buffer.release()
