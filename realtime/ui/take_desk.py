"""What a person does with a take that plays: points and markers, its curves, and another take beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QInputDialog, QWidget

from facemodel import LimelightError
from realtime.frame import Result
from realtime.session import Session
from realtime.takes import Marker, Take, TakePlayer, load_take
from realtime.takes.companion import Companion
from realtime.takes.curves import Curves
from realtime.takes.marks import IN, OUT, in_order, with_point, without, write_marks
from realtime.ui.background import Background
from realtime.ui.frame_sink import Shown


class TakeDesk(QObject):
    """Follows what the session plays. `changed` is emitted when there is something new to show; `failed` carries one
    line.

    Attributes:
        take: that plays; None while none does.
        markers: of the take, in order of time, on its feed's clock.
        curves: of the take.
        other: the one that it is compared with.
        other_curves: of that one.
        beside_next: a take to compare the next one with that plays.
    """

    changed = pyqtSignal()
    failed = pyqtSignal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.take: Take | None = None
        self.markers: tuple[Marker, ...] = ()
        self.curves: Curves | None = None
        self.other: Companion | None = None
        self.other_curves: Curves | None = None
        self.beside_next: Path | None = None
        self._marked: tuple[tuple[int, str], ...] = ()
        self._session = session
        self._background = Background()
        self._closed = False

    @property
    def names(self) -> tuple[str, str]:
        """Of the two versions that can be compared, for people."""
        if self.other is not None and self.take is not None:
            return self.take.path.name, self.other.name
        return "smoothed", "raw"

    def follow(self) -> None:
        """Take in that the session plays another take, or none any more."""
        take = self._session.take
        if take is self.take:
            return
        self.take, self.other, self.other_curves = take, None, None
        self.markers = () if take is None else in_order(take.markers)
        self.curves = None
        if take is not None:
            self.curves = Curves(take)
            self._load(self.curves)
        self._apply_markers()
        self.changed.emit()
        beside, self.beside_next = self.beside_next, None
        if take is not None and beside is not None:
            self.compare_with(beside)

    def frames_of_markers(self) -> tuple[tuple[int, str], ...]:
        """Return the markers as (frame, text); of a file that is a source its in and out points alone."""
        if self.take is not None:
            return self._marked
        transport = self._session.transport
        return () if transport is None or transport.span is None else _points(transport.span, transport.frames)

    def timecode(self) -> str:
        """Return the recorded timecode of the frame that is shown; "" where there is none."""
        player, take = self._player, self.take
        if take is None or player is None:
            return ""
        code = take.timecode_at(self._time(player.frame))
        return "" if code is None else str(code)

    def set_point(self, text: str) -> None:
        """Put the in or the out point, `IN` or `OUT`, at the frame that is shown."""
        transport = self._session.transport
        if self.take is not None or isinstance(transport, TakePlayer):
            if (player := self._player) is not None:
                self._keep(with_point(self.markers, text, self._time(player.frame)))
        elif transport is not None:
            first, last = transport.span or (0, transport.frames - 1)
            frame = transport.frame
            transport.span = (
                (frame, last if last >= frame else transport.frames - 1)
                if text == IN
                else (first if first <= frame else 0, frame)
            )
            self.changed.emit()

    def clear_points(self) -> None:
        """Take the in and out points away."""
        if self.take is not None:
            if self._player is not None:
                self._keep(with_point(with_point(self.markers, IN, None), OUT, None))
        elif (transport := self._session.transport) is not None:
            transport.span = None
            self.changed.emit()

    def mark(self, text: str = "") -> None:
        """Put a marker at the frame that is shown."""
        if self.take is not None and (player := self._player) is not None:
            self._keep(in_order([*self.markers, Marker(self._time(player.frame), text)]))

    def unmark(self) -> None:
        """Take away the markers at the frame that is shown."""
        if self.take is not None and (player := self._player) is not None:
            self._keep(without(self.markers, self._time(player.frame), self._half_a_frame))

    def ask_name(self, parent: QWidget) -> None:
        """Let a person name the marker at the frame that is shown; where there is none, one is made."""
        if self.take is None or (player := self._player) is None:
            return
        time = self._time(player.frame)
        here = [m for m in self.markers if m not in without(self.markers, time, self._half_a_frame)]
        before = here[-1].text if here else ""
        text, given = QInputDialog.getText(parent, "Marker", "What happens here:", text=before)
        if not given or self._player is not player:
            return
        text = text.strip()
        if text in (IN, OUT):
            self.failed.emit(f"a marker is not called '{text}': the keys I and O set these points")
            return
        self._keep(in_order([*without(self.markers, time, self._half_a_frame), Marker(time, text)]))

    def go_to_point(self, text: str) -> None:
        """Show the in or the out point; the start or the end without one."""
        transport = self._session.transport
        if transport is not None:
            first, last = transport.span or (0, transport.frames - 1)
            transport.show(first if text == IN else last)

    def go_to_marker(self, forwards: bool) -> None:
        """Show the next marker, or the one before."""
        transport = self._session.transport
        if transport is None:
            return
        frames = sorted({frame for frame, _ in self.frames_of_markers()})
        beyond = [frame for frame in frames if (frame > transport.frame if forwards else frame < transport.frame)]
        if beyond:
            transport.show(beyond[0] if forwards else beyond[-1])

    def ask_other(self, parent: QWidget) -> None:
        """Let a person choose a take to compare with."""
        path, _ = QFileDialog.getOpenFileName(parent, "Compare with another take", "", "Takes (*.mcap)")
        if path:
            self.compare_with(path)

    def compare_with(self, path: str | Path | None) -> None:
        """Show another take beside the one that plays, at the same moments; None for none."""
        take = self.take
        if path is None or take is None:
            self.other = self.other_curves = None
            self._show_again()
            return

        def loaded(other: Companion) -> None:
            if self.take is take:
                self.other, self.other_curves = other, Curves(other.take)
                self._load(self.other_curves)
                self._show_again()

        self._background.submit(lambda: Companion(load_take(path), take), loaded, self.failed.emit)

    def companion(self, result: Result) -> Shown | None:
        """Return what the other take says at the moment of a result, and its face model; None without one."""
        take, other = self.take, self.other
        if take is None or other is None:
            return None
        there = other.result_at(result.time - float(take.times[0]))
        return None if there is None else (there, other.model)

    def close(self) -> None:
        """Read nothing more."""
        self._closed = True
        self._background.close()

    @property
    def _player(self) -> TakePlayer | None:
        """What plays `take`; None while another one is being opened."""
        transport = self._session.transport
        return transport if isinstance(transport, TakePlayer) and transport.take is self.take else None

    @property
    def _half_a_frame(self) -> float:
        return 0.5 / (self.take.header.nominal_fps if self.take is not None else 30.0)

    def _time(self, frame: int) -> float:
        assert self.take is not None
        return float(self.take.times[frame])

    def _show_again(self) -> None:
        """Show the frame of a take that is paused again, with what is beside it now."""
        transport = self._session.transport
        if transport is not None and not transport.playing:
            transport.show(transport.frame)
        self.changed.emit()

    def _load(self, curves: Curves) -> None:
        def unwanted() -> bool:
            return self._closed or (curves is not self.curves and curves is not self.other_curves)

        self._background.submit(lambda: curves.load(unwanted), lambda _: self.changed.emit(), self.failed.emit)

    def _keep(self, markers: tuple[Marker, ...]) -> None:
        """Take markers as the take's, and write them beside it."""
        assert self.take is not None
        if markers == self.markers:
            return
        self.markers = markers
        self._apply_markers()
        try:
            write_marks(self.take.path, self.take.header.created, markers)
        except LimelightError as error:
            self.failed.emit(str(error))
        self.changed.emit()

    def _apply_markers(self) -> None:
        """Find the markers' frames, and let the take play between its in and out points."""
        take, player = self.take, self._player
        self._marked = ()
        if take is None or player is None:
            return
        start = float(take.times[0])
        self._marked = tuple((_nearest(player, marker.time - start), marker.text) for marker in self.markers)
        points = {text: frame for frame, text in self._marked if text in (IN, OUT)}
        player.span = (points.get(IN, 0), points.get(OUT, player.frames - 1)) if points else None


def _nearest(player: TakePlayer, seconds: float) -> int:
    return int(np.abs(player.times - seconds).argmin())


def _points(span: tuple[int, int], frames: int) -> tuple[tuple[int, str], ...]:
    return (*(((span[0], IN),) if span[0] > 0 else ()), *(((span[1], OUT),) if span[1] < frames - 1 else ()))
