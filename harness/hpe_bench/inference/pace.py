"""How many frames a second are done, as it is written onto them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: Seconds over which frames are counted.
_SPAN = 1.0


class Pace:
    """Counts the frames of the last second; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._times: deque[float] = deque()

    def tick(self) -> float | None:
        """One more frame is done: the frames a second; None of the first, and where no time has passed."""
        now = self._clock()
        self._times.append(now)
        while len(self._times) > 2 and now - self._times[0] > _SPAN:
            self._times.popleft()
        passed = now - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else None
