"""What all streams have in common: options, rate, mirror, several faces, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import ARKIT_NAMES, LimelightError
from realtime.frame import StreamInfo, TrackingState
from realtime.sinks.address import Address
from realtime.streams.face_stream import FaceStream, StreamOptions
from tests.realtime.streams.receivers import INFO, a_face, a_result
from tests.toy_model import toy_model


class Kept(FaceStream):
    """Keeps what it is given."""

    def __init__(self, everybody=False, **options):
        super().__init__("kept", StreamOptions("127.0.0.1", 1, **options))
        self.sends_everybody = everybody
        self.sights, self.open = [], 0

    def start(self, info):
        self.open += 1

    def send(self, sight):
        rows = [(face.id, channels.rows.copy()) for face, channels in sight.everybody]
        self.sights.append((sight.time, sight.face, sight.channels.rows.copy(), rows, sight.tracked))
        self.sent += 1

    def stop(self):
        self.open = 0


def kept(**options) -> Kept:
    stream = Kept(**options)
    stream.begin(INFO)
    return stream


def weight(row, name):
    return row[ARKIT_NAMES.index(name)]


# -- options --------------------------------------------------------------------------------------


def test_an_address_may_leave_everything_out():
    options = StreamOptions.of(Address.parse("vmc://"), 39539)
    assert options == StreamOptions("127.0.0.1", 39539, math.inf, False, "Limelight", {}, "vmc://")
    assert options.place == "127.0.0.1:39539"


def test_an_address_may_say_everything():
    address = Address.parse("vmc://[fe80::2]:5000?rate=30&mirror=yes&name=Anna%20B&names=camel")
    options = StreamOptions.of(address, 39539)
    assert (options.host, options.port, options.rate, options.mirror) == ("fe80::2", 5000, 30.0, True)
    assert (options.name, options.others) == ("Anna B", {"names": "camel"})
    assert options.place == "[fe80::2]:5000"


def test_a_kind_may_mirror_unless_told_otherwise():
    assert StreamOptions.of(Address.parse("x://"), 1, mirror=True).mirror
    assert not StreamOptions.of(Address.parse("x://?mirror=no"), 1, mirror=True).mirror


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?rate=fast", "rate=fast must be frames a second, such as rate=30"),
        ("?rate=0", "rate=0 must be"),
        ("?rate=-5", "rate=-5 must be"),
        ("?rate=nan", "rate=nan must be"),
        ("?mirror=maybe", "mirror=maybe must be yes or no"),
        (":0", "the port must be a number from 1 to 65535"),
        ("/39540", "a stream's address has no path; its port stands behind a colon, such as vmc://127.0.0.1:39539"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(query, message):
    with pytest.raises(LimelightError) as caught:
        StreamOptions.of(Address.parse(f"vmc://127.0.0.1{query}"), 39539)
    assert message in str(caught.value)
    assert f"sink vmc://127.0.0.1{query}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_choice_is_one_of_those_there_are():
    options = StreamOptions("127.0.0.1", 1, others={"names": "camel", "presets": ""}, text="vmc://?names=camel")
    assert options.choice("names", ("pascal", "camel"), "pascal") == "camel"
    assert options.choice("presets", ("yes", "no"), "no") == options.choice("other", ("yes", "no"), "no") == "no"
    with pytest.raises(LimelightError, match=r"sink vmc://\?names=camel: names=camel must be a, b or c"):
        options.choice("names", ("a", "b", "c"), "a")


# -- rate -----------------------------------------------------------------------------------------


@given(rate=st.floats(1.0, 120.0), fps=st.sampled_from([23.976, 24.0, 25.0, 29.97, 30.0, 59.94, 60.0]))
def test_the_rate_is_kept_in_the_mean(clock, rate, fps):
    stream = kept(rate=rate)
    count = round(4 * fps)
    for i in range(count):
        clock[0] = i / fps
        stream.submit(a_result(time=100.0 + i / fps))
    expected = min(rate, fps) * count / fps
    assert abs(stream.sent - expected) <= 0.07 * expected + 1
    times = [sight[0] for sight in stream.sights]
    assert times[0] == 0.0
    assert np.diff(times).min() > 0.74 / rate - 1.0 / fps


def test_half_the_frame_rate_is_every_other_frame_however_unevenly_they_come(clock):
    stream = kept(rate=30.0)
    jitter = np.random.default_rng(0).uniform(-0.004, 0.004, 60)
    for i in range(60):
        clock[0] = 5.0 + i / 60 + jitter[i]
        stream.submit(a_result(a_face(), time=i / 60))
    assert stream.sent == 30


def test_a_take_that_is_played_faster_sends_no_more(clock):
    stream = kept(rate=30.0)
    for i in range(120):  # a second of it at four times its pace
        clock[0] = 5.0 + i / 120
        stream.submit(a_result(a_face(), time=i / 30))
    assert stream.sent in (30, 31)


def test_every_step_by_hand_is_sent(clock):
    stream = kept(rate=10.0)
    for i in range(8):
        clock[0] += 0.101
        stream.submit(a_result(a_face(), time=i / 30))
    assert stream.sent == 8


def test_without_a_rate_every_result_is_sent():
    stream = kept()
    for i in range(10):
        stream.submit(a_result(time=i * 1e-4))
    assert stream.sent == 10


def test_a_take_that_is_set_back_goes_on_at_once(clock):
    stream = kept(rate=10.0)
    for time in (50.0, 50.1, 50.2, 20.0, 20.1, 80.0):
        stream.submit(a_result(a_face(), time=time))
        clock[0] += 0.1
    assert [sight[0] for sight in stream.sights] == pytest.approx([0.0, 0.1, 0.2, -30.0, -29.9, 30.0])


def test_beginning_again_starts_the_clock_again():
    stream = kept(rate=10.0)
    stream.submit(a_result(time=50.0))
    stream.begin(INFO)
    stream.submit(a_result(time=7.0))
    assert [sight[0] for sight in stream.sights] == [0.0, 0.0]


# -- what is sent ---------------------------------------------------------------------------------


def test_mirrored_is_what_a_mirror_shows():
    face = a_face({"jawLeft": 0.3, "eyeBlinkLeft": 0.8}, head=(20.0, 5.0, -7.0))
    plain, mirrored = kept(), kept(mirror=True)
    for stream in (plain, mirrored):
        stream.submit(a_result(face))
    a, b = plain.sights[0][2], mirrored.sights[0][2]
    assert weight(a, "jawLeft") == weight(b, "jawRight") == pytest.approx(0.3)
    assert weight(a, "eyeBlinkLeft") == weight(b, "eyeBlinkRight") == pytest.approx(0.8)
    assert weight(b, "jawLeft") == weight(b, "eyeBlinkLeft") == 0.0
    assert a[52:55] == pytest.approx([20.0, 5.0, -7.0], abs=1e-4)
    assert b[52:55] == pytest.approx([-20.0, 5.0, 7.0], abs=1e-4)


def test_a_centre_that_is_set_counts():
    face = a_face(head=(20.0, 0.0, 0.0))
    centred = replace(face, centred=a_face(head=(3.0, 0.0, 0.0)).smoothed)
    stream = kept()
    stream.submit(a_result(centred))
    assert stream.sights[0][2][52] == pytest.approx(3.0, abs=1e-4)


def test_who_is_gone_stays_as_they_were_and_is_told_apart():
    stream = kept()
    stream.submit(a_result())
    stream.submit(a_result(a_face({"jawOpen": 0.5}), time=1.0))
    stream.submit(a_result(a_face({"jawOpen": 0.25}, state=TrackingState.HELD), time=2.0))
    stream.submit(a_result(time=3.0))
    assert [sight[1] is not None for sight in stream.sights] == [False, True, True, False]
    assert [sight[4] for sight in stream.sights] == [False, True, False, False]
    assert [weight(sight[2], "jawOpen") for sight in stream.sights] == pytest.approx([0.0, 0.5, 0.25, 0.25])


NEUTRAL = TrackingState.NEUTRAL


@pytest.mark.parametrize("everybody", [False, True])
def test_who_has_long_been_neutral_is_there_no_more(everybody):
    stream = kept(everybody=everybody)
    stream.submit(a_result(a_face({"jawOpen": 0.5}), time=5.0))
    for time in (6.0, 7.9, 8.0, 60.0):
        stream.submit(a_result(a_face({"jawOpen": 0.125}, state=NEUTRAL), time=time))
    stream.submit(a_result(a_face({"jawOpen": 0.75}), time=61.0))
    assert [sight[1] is not None for sight in stream.sights] == [True, True, True, False, False, True]
    assert [len(sight[3]) for sight in stream.sights] == [1, 1, 1, 0, 0, 1]
    assert [sight[4] for sight in stream.sights] == [True, False, False, False, False, True]
    assert [weight(sight[2], "jawOpen") for sight in stream.sights] == pytest.approx([0.5, *[0.125] * 4, 0.75])


def test_each_face_is_gone_by_itself_and_a_take_that_is_set_back_begins_anew():
    stream = kept(everybody=True)
    for time in (0.0, 1.9, 2.1):
        stream.submit(a_result(a_face(number=1, state=NEUTRAL), a_face(number=2), time=time))
    stream.submit(a_result(a_face(number=1, state=NEUTRAL), a_face(number=2), time=-5.0))
    stream.begin(INFO)
    stream.submit(a_result(a_face(number=1, state=NEUTRAL), time=90.0))
    shown = [[number for number, _ in sight[3]] for sight in stream.sights]
    assert shown == [[1, 2], [1, 2], [2], [1, 2], [1]]
    assert [sight[1] is not None for sight in stream.sights] == [True, True, False, True, True]


@pytest.mark.parametrize("mirror", [False, True])
def test_everybody_has_channels_of_their_own(mirror):
    one, all_ = kept(mirror=mirror), kept(everybody=True, mirror=mirror)
    faces = [a_face({"jawOpen": 0.1 * i}, number=i) for i in (3, 1, 2)]
    for stream in (one, all_):
        stream.submit(a_result(*faces))
    shown = [(number, round(float(weight(rows, "jawOpen")), 5)) for number, rows in all_.sights[0][3]]
    assert shown == [(3, 0.3), (1, 0.1), (2, 0.2)]
    assert [number for number, _ in one.sights[0][3]] == [3]


def test_faces_that_are_no_numbers_are_left_out():
    one, all_ = kept(), kept(everybody=True)
    good, broken = a_face({"jawOpen": 0.5}, number=1), a_face(number=2)
    broken.smoothed[:] = np.nan
    for i, faces in enumerate([(good,), (broken,), (), (good, broken), (broken, good)]):
        for stream in (one, all_):
            stream.submit(a_result(*faces, time=float(i)))
    assert [sight[0] for sight in one.sights] == [0.0, 2.0, 3.0]
    assert [weight(sight[2], "jawOpen") for sight in one.sights] == pytest.approx([0.5, 0.5, 0.5])
    assert [[number for number, _ in sight[3]] for sight in all_.sights] == [[1], [], [1], [1]]


def test_one_behind_those_who_are_gone_is_sent_at_whatever_rate(clock):
    stream = kept(everybody=True, rate=0.1)
    gone = [a_face(number=number, state=NEUTRAL) for number in (1, 2)]
    stream.submit(a_result(gone[0]))
    for time in (1.0, 9.0):  # too early for the rate
        stream.submit(a_result(*gone, time=time))
    clock[0] += 10.0
    stream.submit(a_result(*gone, a_face({"jawOpen": 0.5}, number=3), time=10.0))
    ((number, rows),) = stream.sights[-1][3]
    assert (number, weight(rows, "jawOpen")) == (3, pytest.approx(0.5))


@pytest.mark.parametrize("field", ["albedo", "confidence"])
def test_nor_is_a_face_sent_of_which_anything_else_is_no_number(field):
    stream, face = kept(everybody=True), a_face()
    if field == "albedo":
        bad = replace(face, person=replace(face.person, albedo=np.full_like(face.person.albedo, np.nan)))
    else:
        bad = replace(face, confidence=math.nan)
    stream.submit(a_result(bad))
    stream.submit(a_result(bad, a_face(number=2), time=1.0))
    assert [[number for number, _ in sight[3]] for sight in stream.sights] == [[2]]
    assert stream.sights[0][1] is None  # the performer is not there


# -- refusals -------------------------------------------------------------------------------------


def test_a_face_model_without_arkit_names_is_refused_where_they_are_needed():
    model = toy_model(n_expression=8)
    names = tuple(f"pc{i}" for i in range(8))
    nameless = replace(model, expression_names=names)
    info = StreamInfo("test", 32, 24, 30.0, True, nameless)
    with pytest.raises(LimelightError, match="kept: the face model has no ARKit expressions"):
        Kept().begin(info)
    head_only = Kept()
    head_only.needs_weights = False
    head_only.begin(info)
    assert head_only.open == 1


def test_status_says_where_and_how_much():
    stream = kept()
    stream.submit(a_result())
    assert stream.status() == "127.0.0.1:1, 1 sent"
    assert stream.connected() is None
    stream.close()
    stream.close()
    assert stream.open == 0
