"""Pictures are used again, and never while somebody looks at them."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from realtime.frame import Frame
from realtime.loop.frame_pool import FramePool


def test_a_picture_that_nobody_holds_is_used_again():
    pool = FramePool(24, 32)
    first = pool.take()
    assert first.shape == (24, 32, 3) and first.dtype == np.uint8
    address = first.ctypes.data
    del first
    assert pool.take().ctypes.data == address
    for _ in range(50):
        pool.take()
    assert len(pool) == 1


def test_whoever_holds_it_keeps_it():
    """By a frame, by a view, by memory that another library was given, or by a closure."""
    pool = FramePool(8, 8)
    frame = Frame(0, 0.0, pool.take())
    view = pool.take()[2:4, 1:3]
    lent = memoryview(pool.take())
    picture = pool.take()
    later = (lambda kept: lambda: kept)(picture)
    del picture
    assert len(pool) == 4
    held = {frame.image.ctypes.data, view.base.ctypes.data, np.asarray(lent).ctypes.data, later().ctypes.data}
    assert len(held) == 4
    assert pool.take().ctypes.data not in held
    del frame, view, lent, later
    for _ in range(10):
        pool.take()
    assert len(pool) == 5


def test_pictures_in_flight_between_threads_stay_as_they_were():
    """A producer that never waits and a consumer that is always late: each picture still shows its own number."""
    pool, line, torn = FramePool(16, 16), deque(maxlen=4), []
    done = threading.Event()

    def consume():
        while not done.is_set() or line:
            try:
                index, picture = line.popleft()
            except IndexError:
                continue
            seen = np.unique(picture)
            if seen.tolist() != [index % 256]:
                torn.append(index)
            del picture

    reader = threading.Thread(target=consume)
    reader.start()
    for index in range(4000):
        picture = pool.take()
        picture[:] = index % 256
        line.append((index, picture))
        del picture
    done.set()
    reader.join(60)
    assert not reader.is_alive() and not torn
    assert len(pool) <= 8


def test_a_hoarder_gets_memory_of_its_own():
    pool = FramePool(4, 4)
    hoard = [pool.take() for _ in range(100)]
    assert len({picture.ctypes.data for picture in hoard}) == 100
    assert len(pool) < 20
