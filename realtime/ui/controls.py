"""Small widgets that the panels are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)

from realtime.ui import theme

_LABEL_WIDTH, _VALUE_WIDTH = 88, 46

_TICK = ((4.0, 8.4), (7.0, 11.2), (12.2, 5.2))
"""The check mark, in sixteenths of its box."""


def section_title(text: str) -> QLabel:
    label = QLabel(text.upper())
    label.setObjectName("sectionTitle")
    return label


class ElidedLabel(QLabel):
    """A one-line label that shortens its text in the middle where there is no room, with all of it as tooltip."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._full = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str | None) -> None:
        self._full = text or ""
        self.setToolTip(text)
        self._elide()

    def full_text(self) -> str:
        return self._full

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        metrics = QFontMetrics(self.font())
        super().setText(metrics.elidedText(self._full, Qt.TextElideMode.ElideMiddle, self.width()))


class ValueSlider(QWidget):
    """A labelled slider over a range of real numbers, with its value beside the label.

    `moved` is emitted with the value when a person moves it, not when `set_value` does; `held` when the mouse takes its
    handle (True) and lets go of it.
    """

    moved = pyqtSignal(float)
    held = pyqtSignal(bool)
    _STEPS = 500

    def __init__(
        self,
        label: str,
        low: float,
        high: float,
        show: Callable[[float], str],
        tip: str,
        logarithmic: bool = False,
    ) -> None:
        super().__init__()
        self._show = show
        self._to: Callable[[float], float] = np.log if logarithmic else float
        self._from: Callable[[float], float] = np.exp if logarithmic else float
        self._low, self._high = self._to(low), self._to(high)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, self._STEPS)
        self.slider.setPageStep(self._STEPS // 10)
        self.slider.setAccessibleName(label)
        self.slider.setToolTip(tip)
        self._value = QLabel()
        self._value.setObjectName("value")
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._value.setFixedWidth(_VALUE_WIDTH)
        name = QLabel(label)
        name.setFixedWidth(_LABEL_WIDTH)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(name)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self._value)
        self.setFocusProxy(self.slider)
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderPressed.connect(lambda: self.held.emit(True))
        self.slider.sliderReleased.connect(lambda: self.held.emit(False))

    def value(self) -> float:
        fraction = self.slider.value() / self._STEPS
        return float(self._from(self._low + fraction * (self._high - self._low)))

    def set_value(self, value: float) -> None:
        fraction = (self._to(value) - self._low) / (self._high - self._low)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(fraction * self._STEPS))
        self._value.setText(self._show(value))

    def _moved(self) -> None:
        self._value.setText(self._show(self.value()))
        self.moved.emit(self.value())


def _follow(button: QAbstractButton, action: QAction) -> None:
    """Let a button trigger an action, and be called, checked and enabled as it is."""

    def trigger() -> None:
        action.trigger()
        button.setChecked(action.isChecked())

    button.setAccessibleName(action.text())
    button.setChecked(action.isChecked())
    button.setEnabled(action.isEnabled())
    button.clicked.connect(trigger)
    action.toggled.connect(button.setChecked)
    action.enabledChanged.connect(button.setEnabled)


class ActionButton(QToolButton):
    """A button that triggers an action and shows its check mark, with a text of its own."""

    def __init__(self, action: QAction, text: str) -> None:
        super().__init__()
        self.setText(text)
        self.setToolTip(action.toolTip())
        self.setCheckable(action.isCheckable())
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        _follow(self, action)


class Check(QCheckBox):
    """A check box with a check mark in the colours of the stylesheet."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__(text)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        if not self.isChecked():
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.ON_ACCENT), 2.0))
        unit = box.width() / 16.0
        painter.drawPolyline(QPolygonF([QPointF(box.left() + x * unit, box.top() + y * unit) for x, y in _TICK]))


class ActionCheck(Check):
    """A check box that triggers an action and shows its check mark, with a text of its own."""

    def __init__(self, action: QAction, text: str) -> None:
        super().__init__(text, action.toolTip())
        _follow(self, action)


class Switch(QAbstractButton):
    """A small switch without a text, on or off."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(34, 20)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        painter.setPen(QPen(QColor(theme.ACCENT if on or self.hasFocus() else theme.LINE), 1.0))
        painter.setBrush(QColor(theme.ACCENT if on else theme.RAISED))
        painter.drawRoundedRect(QRectF(1.0, 1.0, 32.0, 18.0), 9.0, 9.0)
        painter.setPen(QPen(QColor(theme.TEXT), 1.5) if on and self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.ON_ACCENT if on else theme.MUTED))
        painter.drawEllipse(QPointF(23.5 if on else 10.5, 10.0), 6.0, 6.0)


class Choice(QComboBox):
    """A drop-down list with a chevron in the colours of the stylesheet."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.MUTED), 1.6))
        x, y = self.width() - 15.0, self.height() / 2.0
        painter.drawPolyline(QPolygonF([QPointF(x - 4.0, y - 2.0), QPointF(x, y + 2.0), QPointF(x + 4.0, y - 2.0)]))
