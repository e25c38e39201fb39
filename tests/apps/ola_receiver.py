"""Patches OLA, has it send by sACN and by Art-Net, and prints what our input made of it, as JSON; see `ola_desk.sh`."""

from __future__ import annotations

import json
import re
import subprocess
import time

from realtime.controls.dmx import DmxConfig, DmxInput
from realtime.controls.inbox import Inbox
from tests.realtime.controls.small_show import make
from tests.waiting import wait_for

_KINDS = (("sacn", "E1.31", 1), ("artnet", "ArtNet", 5))
_SLOTS = (255, 255, 0, 128, 0, 128, 0, 255, 255, 255, 128, 0, 0, 255, 255, 128, 0, 255, 255)


def main() -> None:
    """Print {kind: [intensity, azimuth, malformed packets]} of light 1."""
    devices = subprocess.run(["ola_dev_info"], capture_output=True, text=True, check=True).stdout
    found = {}
    for kind, name, universe in _KINDS:
        device = re.search(rf"Device (\d+): {re.escape(name)}", devices)[1]
        subprocess.run(["ola_patch", "-d", device, "-p", "0", "-u", str(universe)], check=True)
        show, table = make()
        inbox = Inbox(table)
        dmx = DmxInput(inbox, DmxConfig.parse(kind, f"{universe}@0.0.0.0"))
        dmx.start()
        inbox.start()
        send = ["ola_streaming_client", "-u", str(universe), "-d", ",".join(map(str, _SLOTS))]

        def arrived() -> bool:
            subprocess.run(send, check=True)  # noqa: B023, again: what it is told first it may not send
            time.sleep(0.3)
            return show.values()["light/1/intensity"] > 0.0  # noqa: B023

        wait_for(arrived, 20.0)
        dmx.stop()
        inbox.stop()
        values = show.values()
        found[kind] = [values["light/1/intensity"], values["light/1/azimuth"], dmx.status().malformed]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
