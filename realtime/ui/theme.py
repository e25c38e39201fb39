"""Colours and the one stylesheet of the window."""

from __future__ import annotations

from string import Template

BACKGROUND = "#15171b"
PANEL = "#1c1f25"
RAISED = "#272b33"
HOVER = "#313640"
LINE = "#343a45"
TEXT = "#e8eaee"
MUTED = "#9aa3b2"
ACCENT = "#f0b35a"  # warm limelight
ON_ACCENT = "#1b1508"
RECORD = "#e5484d"
GOOD = "#4cc38a"
WARNING = "#f5a524"
IDLE = "#8b93a1"

STYLESHEET = Template("""
QWidget { background: $BACKGROUND; color: $TEXT; font-size: 13px; }
QLabel, QCheckBox { background: transparent; }
QMenuBar { background: $PANEL; padding: 2px 6px; }
QMenuBar::item { background: transparent; padding: 4px 10px; border-radius: 4px; }
QMenuBar::item:selected, QMenu::item:selected { background: $HOVER; }
QMenu { background: $RAISED; border: 1px solid $LINE; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 22px; border-radius: 4px; }
QMenu::item:disabled { color: $MUTED; }
QMenu::separator { height: 1px; background: $LINE; margin: 4px 8px; }
QToolTip { background: $RAISED; color: $TEXT; border: 1px solid $LINE; padding: 4px 6px; }

#panel, #panelScroll, #panelScroll > QWidget > QWidget, #recordArea { background: $PANEL; }
#panel { border-left: 1px solid $LINE; }
#recordArea { border-top: 1px solid $LINE; }
#sectionTitle { color: $MUTED; font-size: 11px; font-weight: 600; letter-spacing: 1px; }
#muted, #statusText { color: $MUTED; font-size: 12px; }
#value { color: $MUTED; font-size: 12px; }

QPushButton, QToolButton { background: $RAISED; border: 1px solid $LINE; border-radius: 6px; padding: 5px 10px; }
QPushButton:hover, QToolButton:hover { background: $HOVER; }
QPushButton:focus, QToolButton:focus, QComboBox:focus { border-color: $ACCENT; }
QPushButton:pressed, QToolButton:pressed { background: $LINE; }
QPushButton:checked, QToolButton:checked { background: $ACCENT; color: $ON_ACCENT; border-color: $ACCENT; }
QPushButton:disabled, QToolButton:disabled { color: #646c79; background: $PANEL; }
#flat { background: transparent; border-color: transparent; color: $MUTED; padding: 2px 6px; }
#flat:hover, #flat:focus { color: $TEXT; border-color: $LINE; }
#record { font-weight: 600; padding: 9px 12px; }
#record:checked { background: $RECORD; color: white; border-color: $RECORD; }
#showPlaying, #showScroll, #showScroll > QWidget > QWidget { background: $PANEL; border: none; }
#showPanel { background: $PANEL; border-right: 1px solid $LINE; }
#activeCue { font-size: 24px; font-weight: 700; }
#nextCue { font-size: 16px; color: $ACCENT; }
#showState { font-size: 20px; font-weight: 700; background: $RECORD; color: white; border-radius: 6px;
    padding: 4px 10px; }
#show_go { font-size: 30px; font-weight: 800; padding: 16px; background: $GOOD; color: $ON_ACCENT;
    border-color: $GOOD; }
#show_go:hover { background: #63d39d; }
#show_go[idle="true"] { background: $PANEL; color: $MUTED; }
#show_go:pressed { background: #379a6c; }
#show_back, #show_hold, #show_release, #show_panic, #show_blackout, #show_tap { font-weight: 600; padding: 11px 2px; }
#show_panic { background: #4a2124; border-color: $RECORD; color: #ffd9d2; }
#show_panic:hover, #show_blackout:checked { background: $RECORD; color: white; border-color: $RECORD; }
#display_picture, #display_black, #display_freeze, #display_test_card { font-weight: 600; padding: 9px 2px; }
#display_picture:checked { background: $GOOD; color: $ON_ACCENT; border-color: $GOOD; }
#display_black:checked, #display_freeze:checked { background: $RECORD; color: white; border-color: $RECORD; }
#display_test_card:checked { background: $WARNING; color: $ON_ACCENT; border-color: $WARNING; }
#cues { background: $BACKGROUND; border: 1px solid $LINE; border-radius: 6px; outline: none; font-size: 15px; }
#cues::item { padding: 5px 3px; }
#cueField { padding: 3px 5px; }
#cueNotes { background: $BACKGROUND; border: 1px solid $LINE; border-radius: 6px; padding: 0 2px; }
#cueNotes:focus { border-color: $ACCENT; }
QHeaderView::section { background: $PANEL; color: $MUTED; border: none; padding: 3px 5px; }
QProgressBar { background: $BACKGROUND; border: none; border-radius: 3px; max-height: 6px; }
QProgressBar::chunk { background: $GOOD; border-radius: 3px; }
#mode { font-size: 12px; padding: 6px 0; }
#swatch { padding: 3px 0; }
#link { background: transparent; border: none; color: $ACCENT; padding: 0; text-align: left; }
#link:hover, #link:focus { text-decoration: underline; }

QLineEdit, QSpinBox { background: $BACKGROUND; border: 1px solid $LINE; border-radius: 6px; padding: 5px 8px; }
QLineEdit:focus, QSpinBox:focus { border-color: $ACCENT; }
QSpinBox:disabled { color: $MUTED; }
#fold { background: transparent; }

QComboBox { background: $RAISED; border: 1px solid $LINE; border-radius: 6px; padding: 5px 10px; }
QComboBox:hover { background: $HOVER; }
QComboBox:disabled { color: #646c79; background: $PANEL; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView { background: $RAISED; border: 1px solid $LINE; outline: none;
    selection-background-color: $HOVER; selection-color: $TEXT; padding: 4px; }

QSlider { background: transparent; min-height: 22px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $LINE; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $ACCENT; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: $TEXT; }
QSlider::handle:horizontal:focus { background: $ACCENT; }
QSlider::sub-page:horizontal:disabled { background: $HOVER; }
QSlider::handle:horizontal:disabled { background: #646c79; }

QCheckBox { spacing: 8px; padding: 2px; }
QCheckBox::indicator { width: 16px; height: 16px; border-radius: 4px; border: 1px solid #555d6b; background: $RAISED; }
QCheckBox::indicator:hover, QCheckBox:focus::indicator { border-color: $ACCENT; }
QCheckBox::indicator:checked { background: $ACCENT; border-color: $ACCENT; }

QListWidget { background: $BACKGROUND; border: 1px solid $LINE; border-radius: 6px; outline: none; font-size: 12px; }
QListWidget:focus { border-color: $ACCENT; }
QListWidget::item { padding: 1px 3px; }
QListWidget::item:selected { background: $HOVER; }
QListWidget::indicator { width: 11px; height: 11px; border-radius: 3px; border: 1px solid #555d6b;
    background: $RAISED; }
QListWidget::indicator:checked { background: $ACCENT; border-color: $ACCENT; }
QSplitter::handle:vertical { background: $LINE; height: 3px; }
QSplitter::handle:vertical:hover { background: $ACCENT; }

QScrollArea { border: none; }
QScrollBar:vertical { background: transparent; width: 10px; }
QScrollBar::handle:vertical { background: $LINE; border-radius: 4px; min-height: 30px; margin: 1px 2px; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none; height: 0; }

#statusLine #showState { font-size: 14px; padding: 1px 8px; }
#statusLine[operated="true"] QLabel { font-size: 17px; }
#showPanel[large="true"] #activeCue { font-size: 36px; }
#showPanel[large="true"] #nextCue, #showPanel[large="true"] #cues { font-size: 22px; }
#showPanel[large="true"] #showState { font-size: 28px; }
#showPanel[large="true"] #show_go { font-size: 44px; padding: 26px; }
#showPanel[large="true"] QPushButton, #showPanel[large="true"] QToolButton,
    #showPanel[large="true"] QCheckBox { font-size: 17px; }
#showPanel[large="true"] QLineEdit, #showPanel[large="true"] QPlainTextEdit,
    #showPanel[large="true"] #muted { font-size: 15px; }
#statusLine { background: $PANEL; border-top: 1px solid $LINE; }
#banner { background: #3a2420; border: 1px solid #7a3b33; border-radius: 8px; }
#banner QLabel { color: #ffd9d2; }
#guide { background: rgba(18, 20, 24, 225); border: 1px solid $ACCENT; border-radius: 12px; }
#guide #guideInstruction { font-size: 20px; font-weight: 600; }
QProgressBar { background: $LINE; border: none; border-radius: 3px; max-height: 6px; }
QProgressBar::chunk { background: $ACCENT; border-radius: 3px; }
QTableWidget { background: $BACKGROUND; border: 1px solid $LINE; gridline-color: $LINE; outline: none; }
QTableWidget::item:selected { background: $HOVER; }
QHeaderView::section { background: $RAISED; border: none; padding: 5px 8px; }
QDoubleSpinBox { background: $BACKGROUND; border: 1px solid $ACCENT; padding: 0 4px; }
#tour { background: rgba(18, 20, 24, 235); border: 2px solid $ACCENT; border-radius: 12px; }
#tour #tourTitle { font-size: 17px; font-weight: 600; }
#tour QLabel { font-size: 14px; }
#ring { background: transparent; border: 3px solid $ACCENT; border-radius: 9px; }
#placeholder { color: $MUTED; font-size: 15px; background: transparent; }
#help { background: rgba(18, 20, 24, 250); border: 1px solid $LINE; border-radius: 12px; }
#help QLabel { font-size: 13px; }
#help #helpTitle { font-size: 17px; font-weight: 600; }
#key { background: $RAISED; border: 1px solid $LINE; border-radius: 4px; padding: 2px 7px; color: $ACCENT; }
#playback { background: $PANEL; border-top: 1px solid $LINE; }
""").substitute({name: value for name, value in globals().items() if name.isupper()})
