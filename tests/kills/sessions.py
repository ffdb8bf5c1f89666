"""What still runs of a command that was started in a session of its own."""

from __future__ import annotations

import time
from pathlib import Path


def running_of(session: int) -> list[str]:
    """The processes of a session, after what was killed has had the time to go: five seconds."""
    for _ in range(100):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(of) == session and state not in "ZX":
                found.append(stat.parent.name)
        if not found:
            return []
        time.sleep(0.05)
    return found
