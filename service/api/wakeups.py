"""Wakes whoever waits for news inside one API process, so that nobody has to poll fast."""

import asyncio
import threading


class Wakeups:
    """`wake_all` from any thread; `wait` in the event loop. What happens between a look and a wait is not missed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self.count = 0

    def wake_all(self) -> None:
        """Tell everyone who waits that something was committed."""
        with self._lock:
            self.count += 1
            waiting, self._waiting = self._waiting, set()
        for loop, woken in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(woken.set)

    async def wait(self, seen: int, seconds: float) -> None:
        """Return when `wake_all` was called since `count` was `seen`, or after `seconds`."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self.count != seen:
                return
            self._waiting.add(entry)
        try:
            await asyncio.wait_for(entry[1].wait(), seconds)
        except TimeoutError:
            return  # the caller looks again in any case
        finally:
            with self._lock:
                self._waiting.discard(entry)
