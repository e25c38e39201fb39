"""The one table of everything that a key can do; menus, shortcuts, tooltips and the F1 page come from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QMenu, QMenuBar, QWidget

from realtime.engines.base import MAX_FACES
from realtime.render import ViewMode


@dataclass(frozen=True)
class ActionSpec:
    """One thing that a person can do.

    Attributes:
        name: of the action and of its handler.
        text: in menus and on the F1 page.
        keys: shortcuts, as `QKeySequence` spells them.
        menu: where it stands.
        tip: one sentence more.
        checkable: it is on or off.
        view_only: the keys work only while the view has the focus, since widgets use them too.
        on_help_page: the F1 page has a line for it.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    menu: str
    tip: str = ""
    checkable: bool = False
    view_only: bool = False
    on_help_page: bool = True

    @property
    def tool_tip(self) -> str:
        """What it does, and its first key."""
        return f"{self.tip or self.text} ({key_text(self.keys[0])})"


MODE_TITLES: dict[ViewMode, tuple[str, str]] = {
    ViewMode.CAMERA: ("Camera", "The camera's picture alone"),
    ViewMode.OVERLAY: ("Overlay", "The reconstructed face over the camera's picture"),
    ViewMode.SIDE_BY_SIDE: ("Side by side", "The camera's picture beside the reconstructed face"),
    ViewMode.GEOMETRY: ("Clay", "The shape alone, as grey clay"),
    ViewMode.DIFFUSE: ("Diffuse", "The spherical-harmonics diffuse term alone"),
    ViewMode.SPECULAR: ("Specular", "The key light's specular term alone"),
    ViewMode.ALBEDO: ("Albedo", "The skin's own colour, without light"),
    ViewMode.WIREFRAME: ("Wireframe", "The mesh"),
    ViewMode.RELIT: ("Relit", "The camera's picture in the show's light"),
}
"""Title and tooltip of every view mode, in the order of their keys 1, 2, 3, ..."""


CHOICES = range(1, MAX_FACES + 1)
"""Numbers of faces that a key makes the performer."""


def mode_action(mode: ViewMode) -> str:
    """Name of the action that shows `mode`."""
    return f"mode.{mode.name.lower()}"


def choose_action(number: int) -> str:
    """Name of the action that makes the `number`-th face the performer."""
    return f"choose.{number}"


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open_file", "Open video, image or take …", ("Ctrl+O",), "File", "Track a video, play a take"),
    ActionSpec("open_folder", "Open folder of images …", ("Ctrl+Shift+O",), "File", "Track a folder of pictures"),
    ActionSpec(
        "record",
        "Record a take",
        ("R",),
        "File",
        "Write every tracked frame to a take; again to finish",
        checkable=True,
    ),
    ActionSpec("mark", "Mark this moment", ("K",), "File", "Put a marker into the take that is recorded, or plays"),
    ActionSpec("quit", "Quit", ("Ctrl+Q",), "File", "End the program; a running take is finished first"),
    *(
        ActionSpec(mode_action(mode), title, (str(number),), "View", tip, checkable=True)
        for number, (mode, (title, tip)) in enumerate(MODE_TITLES.items(), start=1)
    ),
    ActionSpec("next_mode", "Next view mode", ("V",), "View"),
    ActionSpec(
        "mirror", "Mirror the preview", ("M",), "View", "As in a mirror; takes and streams stay as they are", True
    ),
    ActionSpec("whole_head", "Whole head over the picture", ("H",), "View", "Ears, scalp and neck too", checkable=True),
    ActionSpec(
        "pause",
        "Pause the picture",
        ("Space",),
        "View",
        "Tracking and recording go on; a take or a file stops playing",
        True,
        True,
    ),
    ActionSpec("step_back", "Frame back", ("Left",), "Playback", view_only=True),
    ActionSpec("step_on", "Frame on", ("Right",), "Playback", view_only=True),
    ActionSpec("jump_back", "Ten frames back", ("Shift+Left",), "Playback", view_only=True),
    ActionSpec("jump_on", "Ten frames on", ("Shift+Right",), "Playback", view_only=True),
    ActionSpec("to_start", "To the start", ("Home",), "Playback", view_only=True),
    ActionSpec("to_end", "To the end", ("End",), "Playback", view_only=True),
    ActionSpec("slower", "Slower", (",",), "Playback"),
    ActionSpec("faster", "Faster", (".",), "Playback"),
    ActionSpec("loop", "Play in a loop", ("P",), "Playback", "From the in point, or the start, again", checkable=True),
    ActionSpec("set_in", "In point here", ("I",), "Playback", "Playing and exports begin here"),
    ActionSpec("set_out", "Out point here", ("O",), "Playback", "Playing and exports end here"),
    ActionSpec("go_in", "To the in point", ("Shift+I",), "Playback"),
    ActionSpec("go_out", "To the out point", ("Shift+O",), "Playback"),
    ActionSpec("clear_points", "No in and out points", ("X",), "Playback"),
    ActionSpec("previous_marker", "Marker before", ("[",), "Playback"),
    ActionSpec("next_marker", "Next marker", ("]",), "Playback"),
    ActionSpec("name_marker", "Name the marker here …", ("Ctrl+K",), "Playback"),
    ActionSpec("unmark", "Remove the marker here", ("Shift+K",), "Playback"),
    ActionSpec("curves", "Curves", ("G",), "Playback", "Channels of the take over time", checkable=True),
    ActionSpec(
        "compare", "A or B", ("A",), "Playback", "B is the other take, or else the network's own, unsmoothed", True
    ),
    ActionSpec("wipe", "A beside B", ("W",), "Playback", "With a line between them that the mouse moves", True),
    ActionSpec(
        "compare_with",
        "Compare with another take …",
        ("Ctrl+B",),
        "Playback",
        "It plays along; again for none",
        True,
    ),
    ActionSpec(
        "as_recorded",
        "Light as recorded",
        ("Shift+L",),
        "Playback",
        "Off: in the light that is set now, as after every change of it",
        True,
    ),
    ActionSpec("full_screen", "Full screen (stage output)", ("F11",), "View", "The picture alone", checkable=True),
    ActionSpec("leave_full_screen", "Leave full screen, help or tour", ("Esc",), "View"),
    ActionSpec("recenter", "Re-centre the head", ("C",), "Tracking", "The present pose becomes straight ahead"),
    ActionSpec(
        "calibrate",
        "Calibrate the person",
        ("Shift+N",),
        "Tracking",
        "Ten seconds and four poses: how this face is read from then on",
    ),
    ActionSpec("new_person", "New person", ("N",), "Tracking", "Forget the face learned so far and learn it anew"),
    *(
        ActionSpec(
            choose_action(number),
            f"Face {number} is the performer",
            (f"Ctrl+{number}",),
            "Tracking",
            "Counted from the left of the camera's picture; the marks say it",
            on_help_page=False,
        )
        for number in CHOICES
    ),
    ActionSpec(
        "light_override",
        "The show's light",
        ("L",),
        "Light",
        "Off: the estimated light; on: the show's",
        checkable=True,
    ),
    ActionSpec("diffuse", "Diffuse light", ("D",), "Light", "Draw the diffuse term", checkable=True),
    ActionSpec("specular", "Highlights", ("S",), "Light", "Draw the specular term", checkable=True),
    ActionSpec("match_light", "Match the estimate", ("E",), "Light", "Put the light where the estimated one is"),
    ActionSpec("go", "GO: start the next cue", ("F5", "Ctrl+Return"), "Show", "While paused: go on"),
    ActionSpec("back", "Back to the cue before", ("F6",), "Show"),
    ActionSpec("hold", "Pause the show", ("F7",), "Show", "Fades stand still; again, or GO, to go on", checkable=True),
    ActionSpec("panic", "Panic: all light out", ("F8",), "Show", "In three seconds; again: at once"),
    ActionSpec("release", "Release the cues", ("Shift+F8",), "Show", "What cues moved goes back to the start"),
    ActionSpec("blackout", "Blackout", ("F9",), "Show", "No light of the show shines", checkable=True),
    ActionSpec("tap", "Tap the beat", ("T",), "Show"),
    ActionSpec("record_cue", "Record a cue", ("Ctrl+R",), "Show", "The look becomes a new cue after the last"),
    ActionSpec("update_cue", "Update the active cue", ("Ctrl+U",), "Show", "The look is put into it"),
    ActionSpec("edit_cue", "Edit the selected cue", ("F3",), "Show", "Its times, name and notes", checkable=True),
    ActionSpec("undo", "Undo", ("Ctrl+Z",), "Show", "Undo the last edit of the show"),
    ActionSpec("redo", "Redo", ("Ctrl+Shift+Z",), "Show", "Make the edit again"),
    ActionSpec("open_show", "Open show …", ("Ctrl+Shift+S",), "Show", "Play the cues of a file"),
    ActionSpec("save_show", "Save show", ("Ctrl+S",), "Show", "Write the cues to a file"),
    ActionSpec("operator", "Cues beside the picture", ("F2",), "Show", "The operator's panel", checkable=True),
    ActionSpec("tour", "First steps: begin, next", ("Shift+F1",), "Help", "Four steps from a camera to a take"),
    ActionSpec("help", "Keyboard shortcuts", ("F1",), "Help", "This page", checkable=True),
)

GESTURES: tuple[tuple[str, str], ...] = (
    ("Drag a light's spot, or with Ctrl or the right button", "move the light around the head"),
    ("Wheel on a light's spot", "make it brighter or darker"),
    ("In the list of cues: drag, Alt+Up, Alt+Down", "move the selected cue"),
    ("In the list of cues: Return, Del, double click", "go to it, delete it, edit it"),
    ("Right click on a slider or button of light and show", "let a MIDI control move it"),
    ("In the curves: wheel, Shift and wheel, double click", "zoom, move, show all"),
    (f"Click on a face, or Ctrl+1 to Ctrl+{CHOICES[-1]}", "make it the performer"),
    ("Drop a file", "open a video, a picture, a folder or a take"),
)
"""What the mouse does in the view, and what has a key for each face, for the F1 page."""


def key_text(key: str) -> str:
    """A shortcut as this platform writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def build_actions(
    owner: QWidget,
    view: QWidget,
    menu_bar: QMenuBar | None,
    handlers: Mapping[str, Callable[[], object]],
    specs: Iterable[ActionSpec] = ACTIONS,
) -> dict[str, QAction]:
    """The actions of the table, on `owner`, in the menus of `menu_bar`, by name.

    Checkable actions are drawn as their handlers leave them: a handler changes a model, and who listens to the
    model sets the check mark.

    Raises:
        KeyError: an action has no handler.
    """
    actions: dict[str, QAction] = {}
    menus: dict[str, QMenu | None] = {}
    modes = QActionGroup(owner)
    for spec in specs:
        menu = menus.get(spec.menu)
        if menu is None:
            menu = menus[spec.menu] = menu_bar.addMenu(spec.menu)
        if spec.name in ("next_mode", choose_action(CHOICES[0])):
            menu.addSeparator()
        action = QAction(spec.text, owner)
        action.setObjectName(spec.name)
        action.setCheckable(spec.checkable)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setToolTip(spec.tool_tip)
        action.setStatusTip(spec.tip)
        action.triggered.connect(partial(_run, handlers[spec.name]))
        if spec.name.startswith("mode."):
            modes.addAction(action)
        (view if spec.view_only else owner).addAction(action)
        if spec.view_only:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        menu.addAction(action)
        actions[spec.name] = action
    return actions


def _run(handler: Callable[[], object], _checked: bool) -> None:
    handler()
