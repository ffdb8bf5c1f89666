"""How many frames a second are done, as it is written onto them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: Seconds over which frames are counted: they come by the batch.
_SPAN = 2.0


class Pace:
    """Counts the frames of the last two seconds, from when it is made; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._times = deque([clock()])

    def tick(self) -> float | None:
        """One more frame is done: the frames a second; None where no time has passed."""
        now = self._clock()
        self._times.append(now)
        while len(self._times) > 2 and now - self._times[0] > _SPAN:
            self._times.popleft()
        passed = now - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else None
