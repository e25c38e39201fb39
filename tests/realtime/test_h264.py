"""H.264 of pictures: every picture a packet at once, at its own time, and what was encoded reads back."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.outputs.h264 import KEY_SECONDS, TIME_BASE, H264Encoder

RED_GREEN_BLUE = [(30, 30, 200), (30, 200, 30), (200, 30, 30)]  # BGR


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_every_picture_is_a_packet_at_once_with_its_own_time():
    encoder = H264Encoder(64, 48, 25.0)
    times = [0.0, 0.013, 0.4, 0.401, 2.0]
    packets = [encoder.encode(plain(RED_GREEN_BLUE[0]), time) for time in times]
    assert [len(p) for p in packets] == [1] * 5
    np.testing.assert_allclose([float(p[0].pts * TIME_BASE) for p in packets], times, atol=float(TIME_BASE))
    assert [p[0].dts for p in packets] == [p[0].pts for p in packets]
    assert encoder.flush() == []


@pytest.mark.parametrize("fps", [10.0, 23.976, 60.0])
def test_key_frames_are_never_far_apart(fps):
    encoder = H264Encoder(64, 48, fps)
    packets = [encoder.encode(plain((i, i, i)), i / fps)[0] for i in range(round(3 * fps))]
    keys = [float(p.pts * TIME_BASE) for p in packets if p.is_keyframe]
    assert keys[0] == 0.0
    assert max(np.diff(keys)) <= KEY_SECONDS + 1e-4
    assert len(keys) < len(packets)


def test_a_time_that_does_not_rise_is_put_right_after_the_last():
    encoder = H264Encoder(64, 48, 25.0)
    ticks = [encoder.encode(plain((9, 9, 9)), time)[0].pts for time in (1.0, 1.0, 0.5, 1.04)]
    assert ticks == [90000, 90001, 90002, 93600]


def test_what_was_encoded_reads_back_without_a_container_from_any_key_frame():
    encoder = H264Encoder(64, 48, 25.0)
    packets = [encoder.encode(plain(RED_GREEN_BLUE[i // 7]), i / 25.0)[0] for i in range(21)]
    keys = [i for i, p in enumerate(packets) if p.is_keyframe]
    assert len(keys) > 2
    stream = io.BytesIO(b"".join(bytes(p) for p in packets[keys[2] :]))
    with av.open(stream, format="h264") as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(pictures) == 21 - keys[2]
    np.testing.assert_allclose(pictures[-1].mean((0, 1)), RED_GREEN_BLUE[2], atol=6.0)


def test_an_odd_size_loses_its_last_row_and_column():
    encoder = H264Encoder(65, 49, 25.0)
    assert (encoder.width, encoder.height) == (64, 48)
    assert len(encoder.encode(plain((5, 5, 5), 65, 49), 0.0)) == 1


@pytest.mark.parametrize("size", [(1, 48), (64, 1), (0, 0), (40000, 40000)])
def test_a_size_that_cannot_be_encoded_is_one_line(size):
    with pytest.raises(LimelightError) as error:
        H264Encoder(*size, 25.0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("width", "height"), [(480, 270), (322, 242), (34, 18)])
def test_colours_stay_in_their_place_in_every_size(width, height):
    """Halves of halves: a chroma plane of such a picture has an odd number of rows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (40, 40, 200)
    image[height // 2 :, width // 2 :] = (200, 60, 40)
    encoder = H264Encoder(width, height, 30.0)
    packets = [*encoder.encode(image, 0.0), *encoder.flush()]
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    seen = frames[0].to_ndarray(format="bgr24")
    margin = 4
    for rows in (slice(margin, height // 2 - margin), slice(height // 2 + margin, height - margin)):
        for columns in (slice(margin, width // 2 - margin), slice(width // 2 + margin, width - margin)):
            assert np.abs(seen[rows, columns].astype(int) - image[rows, columns]).mean() < 12
