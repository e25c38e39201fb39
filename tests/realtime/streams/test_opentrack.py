"""opentrack's six doubles, read as its input "UDP over network" reads them."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import numpy as np
import pytest

from realtime.frame import Face, Person, StreamInfo, TrackingState
from tests.realtime.streams.receivers import HEIGHT, WIDTH, a_face, a_result, open_stream
from tests.toy_model import toy_model


@pytest.fixture
def ask(receiver):
    """Sends results through a stream, and returns what opentrack would have, by name."""

    def ask(*results, **options):
        stream = open_stream("opentrack", receiver.port, **options)
        for result in results:
            stream.submit(result)
        datagrams = receiver.take(stream.sent)
        stream.close()
        assert all(len(datagram) == 48 for datagram in datagrams)
        names = ("TX", "TY", "TZ", "yaw", "pitch", "roll")
        return [dict(zip(names, struct.unpack("=6d", datagram), strict=True)) for datagram in datagrams]

    return ask


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ((20.0, 0.0, 0.0), {"yaw": -20.0}),  # to the subject's left
        ((0.0, 15.0, 0.0), {"pitch": 15.0}),  # up
        ((0.0, 0.0, 12.0), {"roll": 12.0}),  # the top of the head to the subject's left
    ],
)
def test_angles_are_degrees_with_their_signs(ask, head, expected):
    (pose,) = ask(a_result(a_face(head=head)))
    wanted = dict.fromkeys(("yaw", "pitch", "roll"), 0.0) | expected
    assert {name: pose[name] for name in wanted} == pytest.approx(wanted, abs=1e-3)


def test_places_are_centimetres_from_the_optical_axis(ask):
    scale = 2.0
    (pose,) = ask(a_result(a_face(place=(WIDTH / 2 + 100.0, HEIGHT / 2 - 50.0, scale))))
    assert (pose["TX"], pose["TY"]) == pytest.approx((5.0, 2.5), abs=1e-3)  # image right, up
    focal = WIDTH / 2 / math.tan(math.radians(30.0))
    assert pose["TZ"] == pytest.approx(focal / scale / 10, rel=1e-4)  # away from the camera
    (near,) = ask(a_result(a_face(place=(320.0, 240.0, 2 * scale))))
    assert 0 < near["TZ"] < pose["TZ"]


def test_mirrored(ask):
    face = a_face(head=(20.0, 15.0, 12.0), place=(400.0, 200.0, 2.0))
    (plain,), (mirrored,) = ask(a_result(face)), ask(a_result(face), mirror="yes")
    for name, sign in {"TX": -1, "TY": 1, "TZ": 1, "yaw": -1, "pitch": 1, "roll": -1}.items():
        assert mirrored[name] == pytest.approx(sign * plain[name], abs=1e-6)
        assert abs(plain[name]) > 1


def test_nothing_is_sent_without_a_face(ask):
    assert ask(a_result(), a_result(time=1.0)) == []
    assert len(ask(a_result(), a_result(a_face(), time=1.0), a_result(time=2.0))) == 1


def test_it_needs_no_expressions(receiver):
    model = replace(toy_model(n_expression=2), expression_names=("pc0", "pc1"))
    stream = open_stream("opentrack", receiver.port)
    stream.begin(StreamInfo("test", WIDTH, HEIGHT, 30.0, True, model))
    vector = model.layout.neutral()
    who = Person(1, vector[:0], vector[:0])
    stream.submit(a_result(Face(1, TrackingState.TRACKING, vector, who, raw=vector)))
    assert len(receiver.take(1)[0]) == 48
    stream.close()


def test_all_numbers_are_finite(ask):
    poses = ask(*(a_result(a_face(head=tuple(a)), time=i / 30) for i, a in enumerate(np.eye(3) * 89.0)))
    assert np.isfinite([list(pose.values()) for pose in poses]).all()
