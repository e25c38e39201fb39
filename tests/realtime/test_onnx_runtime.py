"""ONNX Runtime leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
from realtime.tracking.finder import open_finder
import numpy as np, os
open_finder().find(np.zeros((64, 64, 3), np.uint8))
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
"""


def test_a_run_leaves_no_identifier_in_the_home_folder(tmp_path):
    folders = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"} | folders
    subprocess.run([sys.executable, "-B", "-c", PROGRAM], cwd=ROOT, env=environment, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []
