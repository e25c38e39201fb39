"""The guided calibration, acted by weights that a face could have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, Crop, LimelightError, ParameterLayout
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.persons.guide import STEPS, Guide, GuideState

LAYOUT = ParameterLayout(3, 2, ARKIT_NAMES)
AT_REST = 0.08
ACTED = {"eyes shut": ("eyeBlink", 0.7), "smile": ("mouthSmile", 0.55), "jaw open": ("jawOpen", 0.8)}
PICTURE = np.zeros((48, 64, 3), np.uint8)


def act(
    guide: Guide,
    seconds: float = 12.0,
    lazy: tuple[str, ...] = (),
    lost: tuple[float, float] = (0, 0),
    who: int = 1,
    begin: float = 50.0,
) -> None:
    """Do what the guide asks for, with a delay, as the face whose id is `who`; `lazy` steps are not done, and from
    `lost` on there is no face."""
    random = np.random.default_rng(4)
    for i in range(int(30 * seconds)):
        time = begin + i / 30
        if guide.step is None:
            return
        vector = LAYOUT.neutral()
        p = LAYOUT.view(vector)
        p.identity[:] = who * np.array((1.0, -0.5, 0.2)) + random.normal(0, 0.3, 3)
        p.expression[:] = AT_REST + random.normal(0, 0.01, 52)
        beginning, weight = ACTED.get(guide.step.name, ("-", 0.0))
        reached = guide.step.seconds - guide.remaining > 0.4
        if reached and guide.step.name not in lazy:
            for j, name in enumerate(ARKIT_NAMES):
                if name.startswith(beginning):
                    p.expression[j] = weight
        seen = not lost[0] <= time - begin < lost[1]
        person = Person(1, p.identity, p.albedo)
        state = TrackingState.TRACKING if seen else TrackingState.HELD
        face = Face(who, state, vector, person, vector if seen else None, crop=Crop((32, 24), 40), confidence=1.0)
        guide.see(Result(Frame(i, time, PICTURE), time, (face,)))


def weight(calibration, name: str, value: float) -> float:
    read = calibration.apply(np.full(52, value, np.float32), np.empty(52))
    return float(read[ARKIT_NAMES.index(name)])


def test_ten_seconds_measure_rest_and_reach():
    assert sum(step.seconds for step in STEPS) == pytest.approx(10.0)
    guide = Guide(LAYOUT)
    act(guide)
    assert guide.state is GuideState.DONE
    assert guide.skipped == []
    calibration = guide.calibration()
    for name, strongest in (("eyeBlinkLeft", 0.7), ("mouthSmileRight", 0.55), ("jawOpen", 0.8)):
        assert weight(calibration, name, AT_REST) < 0.03
        assert weight(calibration, name, strongest) == pytest.approx(1.0, abs=1e-6)
        assert 0.3 < weight(calibration, name, (AT_REST + strongest) / 2) < 0.7
    assert weight(calibration, "cheekPuff", 1.0) == pytest.approx(1.0, abs=1e-3)
    assert guide.person().identity == pytest.approx((1.0, -0.5, 0.2), abs=0.1)


def test_a_skipped_step_leaves_the_range_as_it_was():
    guide = Guide(LAYOUT)
    while guide.step.name != "smile":
        guide.see(_rest(guide))
    guide.skip()
    act(guide)
    assert guide.skipped[0] == "smile"
    assert weight(guide.calibration(), "mouthSmileLeft", 0.55) < 0.6


def _rest(guide: Guide) -> Result:
    _rest.time = getattr(_rest, "time", 0.0) + 1 / 30
    vector = LAYOUT.neutral()
    LAYOUT.view(vector).expression[:] = AT_REST
    face = Face(1, TrackingState.TRACKING, vector, Person(1, vector[:3], vector[55:57]), vector, confidence=1.0)
    return Result(Frame(0, _rest.time, PICTURE), _rest.time, (face,))


def test_a_person_who_does_not_follow_is_not_measured_wrongly():
    guide = Guide(LAYOUT)
    act(guide, lazy=("smile",))
    calibration = guide.calibration()
    assert guide.skipped == ["smile"]
    assert weight(calibration, "mouthSmileLeft", 0.2) < 0.2
    assert weight(calibration, "eyeBlinkLeft", 0.7) == pytest.approx(1.0, abs=1e-6)


def test_the_clock_waits_for_a_face():
    guide = Guide(LAYOUT)
    act(guide, 14.0, lost=(1.0, 4.0))
    assert guide.state is GuideState.DONE
    assert guide.skipped == []


def test_without_the_neutral_there_is_no_calibration():
    guide = Guide(LAYOUT)
    guide.skip()
    act(guide)
    assert guide.state is GuideState.FAILED
    with pytest.raises(LimelightError, match="at rest was not seen"):
        guide.calibration()


def test_what_was_set_by_hand_stays():
    guide = Guide(LAYOUT)
    act(guide)
    base = guide.calibration().with_setting("jawOpen", "gain", 1.5)
    again = Guide(LAYOUT)
    act(again)
    assert again.calibration(base).gain[ARKIT_NAMES.index("jawOpen")] == 1.5


def test_a_guide_that_is_over_takes_no_more():
    guide = Guide(LAYOUT)
    act(guide)
    before = guide.calibration().encode()
    guide.see(replace(_rest(guide), time=1e6))
    guide.skip()
    assert guide.calibration().encode() == before


def test_another_face_begins_anew_and_nothing_of_the_first_is_left():
    guide = Guide(LAYOUT)
    act(guide, 1.0)
    guide.skip()
    act(guide, 4.0, begin=51.0)
    assert (guide.number, guide.skipped, guide.restarts) == (2, ["neutral"], 0)
    act(guide, begin=55.0, who=2)
    assert guide.state is GuideState.DONE
    assert (guide.skipped, guide.restarts) == ([], 1)
    assert guide.person().identity == pytest.approx((2.0, -1.0, 0.4), abs=0.1)


def test_a_guide_that_is_not_over_has_no_calibration():
    guide = Guide(LAYOUT)
    act(guide, 6.0)
    assert guide.step.name == "smile"
    with pytest.raises(LimelightError, match="ended before the last pose; nothing is kept"):
        guide.calibration()


def test_what_remains_is_of_one_moment(monkeypatch):
    """The loop's thread may end the last step at any time."""
    guide, steps = Guide(LAYOUT), iter((STEPS[-1], None))
    monkeypatch.setattr(Guide, "step", property(lambda _: next(steps)))
    assert guide.remaining == STEPS[0].seconds
