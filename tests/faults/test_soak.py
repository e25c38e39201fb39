"""The soak itself: a few seconds of it, so that it can be run when somebody wants half an hour."""

from __future__ import annotations

from tests.faults.soak import Soak, script


def test_every_fault_is_recovered_from(tmp_path):
    summary = Soak(11.0, 0, 3.0, tmp_path, recovery=60.0).run()
    assert summary["recoveries"] == summary["faults"] == 3
    assert not [p for p in summary["problems"] if "recovered" in p or "frames of" in p or "given up" in p]
    assert summary["take_rows"] > 0.6 * summary["frames"] > 0


def test_the_faults_are_those_of_the_seed():
    assert script(3, 60, 10) == script(3, 60, 10) != script(4, 60, 10)
