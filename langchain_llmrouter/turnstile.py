"""Of a thousand calls at once, one begins per turn of the event loop.

All of them beginning in the same turn would keep everything else on the loop waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary


class Turnstile:
    """Lets one through per turn of its loop; who comes alone does not wait.

    Args:
        loop: whose turns.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Return when it is the caller's turn."""
        if self._is_taken:
            place = self._loop.create_future()
            self._waiting.append(place)
            await place
        else:
            self._is_taken = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():  # else its caller was cancelled
                place.set_result(None)
                self._loop.call_soon(self._turn)
                return
        self._is_taken = False


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turnstile] = WeakKeyDictionary()


async def my_turn() -> None:
    """Return when it is the caller's turn on the running loop."""
    loop = asyncio.get_running_loop()
    if (turnstile := _OF_LOOPS.get(loop)) is None:
        turnstile = _OF_LOOPS[loop] = Turnstile(loop)
    await turnstile.enter()
