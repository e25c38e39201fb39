"""The table of how a person's expressions are read: gain, curve and limit of each."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDoubleSpinBox,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from realtime.persons.calibration import RANGES, SETTINGS, Calibration
from realtime.ui.controls import Check

_TIPS = {
    "gain": "What the weight is multiplied with",
    "curve": "Its exponent: above 1 small motions become smaller, below 1 larger",
    "limit": "Its largest value",
}
_SIDES = ("Left", "Right")


class ExpressionTable(QDialog):
    """`changed` carries an expression, or `all`, a setting and its value. It stays open beside the window."""

    changed = pyqtSignal(str, str, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.resize(460, 640)
        self.search = QLineEdit()
        self.search.setPlaceholderText("search, such as mouth")
        self.search.setAccessibleName("Search for expressions")
        self.both = Check("Left and right together", "What is changed on one side is changed on the other too")
        self.both.setChecked(True)
        self.table = QTableWidget(0, 1 + len(SETTINGS))
        self.table.setHorizontalHeaderLabels(["Expression", *(setting.capitalize() for setting in SETTINGS)])
        self.table.setItemDelegate(_Values(self.table))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.reset = QPushButton("Reset all")
        self.reset.setToolTip("Gain 1, curve 1 and limit 1 everywhere; what was measured stays")
        self.reset.setAutoDefault(False)
        layout = QVBoxLayout(self)
        for part in (self.search, self.both, self.table, self.reset):
            layout.addWidget(part)
        self.search.textChanged.connect(self._filter)
        self.table.itemChanged.connect(self._edited)
        self.reset.clicked.connect(self._reset)

    def show_person(self, name: str, calibration: Calibration) -> None:
        """Show how a person's expressions are read, without asking for it."""
        self.setWindowTitle(f"{name}: how expressions are read")
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(calibration.names))
            for row, expression in enumerate(calibration.names):
                item = QTableWidgetItem(expression)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.table.setItem(row, 0, item)
                for column, setting in enumerate(SETTINGS, start=1):
                    item = QTableWidgetItem()
                    item.setData(Qt.ItemDataRole.EditRole, round(float(getattr(calibration, setting)[row]), 3))
                    item.setToolTip(_TIPS[setting])
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.table.setItem(row, column, item)
        self.table.viewport().update()
        self._filter(self.search.text())

    def _edited(self, item: QTableWidgetItem) -> None:
        expression = self.table.item(item.row(), 0).text()
        side = next((side for side in _SIDES if expression.endswith(side)), "")
        if self.both.isChecked() and side:
            expression = expression.removesuffix(side)
        self.changed.emit(expression, SETTINGS[item.column() - 1], float(item.data(Qt.ItemDataRole.EditRole)))

    def _reset(self) -> None:
        for setting in SETTINGS:
            self.changed.emit("all", setting, 1.0)

    def _filter(self, text: str) -> None:
        for row in range(self.table.rowCount()):
            self.table.setRowHidden(row, text.strip().lower() not in self.table.item(row, 0).text().lower())


class _Values(QStyledItemDelegate):
    """Edits numbers within their ranges."""

    def createEditor(self, parent: QWidget | None, _option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        setting = SETTINGS[index.column() - 1]
        editor = QDoubleSpinBox(parent)
        editor.setRange(*RANGES[setting])
        editor.setSingleStep(0.05)
        editor.setAccessibleName(setting)
        return editor
