"""Breakers and places, which threads, event loops and the garbage collector change at once."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import FrameType, ModuleType
from typing import Any

import pytest

from shared_core import BreakerRule
from shared_core.calls import health, workers
from shared_core.calls.health import Breaker, Gate, Place, Spell
from shared_core.calls.workers import Outcome, Workers


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def breaker(failures: int = 1) -> tuple[Breaker, Clock]:
    """One with a cooldown of ten seconds, and its clock."""
    clock = Clock()
    return Breaker(BreakerRule(failures=failures, cooldown=10), clock), clock


def half_open() -> tuple[Breaker, Clock, Spell]:
    """One that was opened by a call of the spell that is returned, ten seconds ago."""
    one, clock = breaker()
    before = admitted(one)
    one.note(False, before)
    clock.now = 10.0
    assert one.state == "half_open"
    return one, clock, before


def admitted(one: Breaker) -> Spell:
    spell = one.admit()
    assert spell is not None
    return spell


def placed(gate: Gate) -> Place:
    place = Place()
    gate.enter(place)
    return place


def test_a_breaker_lets_one_probe_through_at_a_time() -> None:
    one, clock = breaker()
    one.note(False, admitted(one))
    assert (one.state, one.admit()) == ("open", None)
    clock.now = 10.0
    probe = admitted(one)
    assert (one.state, one.admit()) == ("half_open", None)
    one.note(False, probe)
    probe.let_go()
    assert (one.state, one.times_opened) == ("open", 2)
    clock.now = 20.0
    cancelled = admitted(one)
    one.note(None, cancelled)
    cancelled.let_go()
    probe = admitted(one)
    one.note(True, probe)
    assert one.state == "closed"
    probe.let_go()
    assert admitted(one).opened is None


@pytest.mark.parametrize("late", [False, None])
def test_late_news_of_earlier_calls_change_no_open_breaker(late: bool | None) -> None:
    one, clock, before = half_open()
    probe = admitted(one)
    one.note(late, before)
    before.let_go()
    assert one.admit() is None
    assert (one.state, one.times_opened) == ("half_open", 1)
    probe.let_go()
    clock.now = 19.0
    one.note(late, None)  # of a call that was made although the breaker was open
    assert one.state == "half_open"


def test_one_probe_that_fails_is_enough() -> None:
    clock = Clock()
    one = Breaker(BreakerRule(failures=3, cooldown=10.0), clock)
    for _ in range(3):
        one.note(False, admitted(one))
    clock.now = 10.0
    probe = admitted(one)
    one.note(False, probe)
    probe.let_go()
    assert one.state == "open"
    assert one.times_opened == 2


def test_probes_that_fail_one_after_another_open_once() -> None:
    one, _, _ = half_open()
    probes = []
    for _ in range(5):  # as streams do, that let the next one through once they have begun
        probes.append(admitted(one))
        probes[-1].let_go()
    for probe in probes:
        one.note(False, probe)
    assert (one.state, one.times_opened) == ("open", 2)


def test_who_leaves_the_line_takes_nobodys_place() -> None:
    gate = Gate(1)
    inside, impatient, patient = placed(gate), placed(gate), placed(gate)
    assert [one.has_come for one in (inside, impatient, patient)] == [True, False, False]
    gate.leave(impatient)
    gate.leave(inside)
    assert patient.has_come
    gate.leave(patient)
    assert placed(gate).has_come


def test_nobody_keeps_a_place_for_an_event_loop_that_is_closed() -> None:
    gate, loop = Gate(1), asyncio.new_event_loop()
    inside, orphan, following = placed(gate), placed(gate), placed(gate)
    orphan.wake_by(lambda: loop.call_soon_threadsafe(print))
    loop.close()
    gate.leave(inside)
    assert following.has_come
    gate.leave(orphan)
    assert not placed(gate).has_come
    gate.leave(following)


def test_places_are_never_lost_nor_doubled_among_threads() -> None:
    gate, inside, most = Gate(3), list[int](), list[int]()

    def call(number: int) -> None:
        place, come = Place(), SimpleQueue[None]()
        gate.enter(place)
        if not place.has_come:
            place.wake_by(lambda: come.put(None))
            if number % 5:
                come.get(timeout=10)
        if place.has_come:
            inside.append(number)
            most.append(len(inside))
            time.sleep(0)
            inside.remove(number)
        gate.leave(place)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(call, range(3000)))
    assert max(most) <= 3
    assert [placed(gate).has_come for _ in range(4)] == [True] * 3 + [False]


class Midst:
    """A trace function that does something else in the midst of a module's code.

    Args:
        module: whose code.
        steps: after how many of its steps.
        meanwhile: what.
    """

    def __init__(self, module: ModuleType, steps: int, meanwhile: Callable[[], object]) -> None:
        self.module = module
        self.steps = steps
        self.meanwhile = meanwhile

    def __call__(self, frame: FrameType, event: str, _: Any) -> Midst | None:
        if frame.f_code.co_filename != self.module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.steps -= 1
            if self.steps == 0:
                self.meanwhile()  # untraced, in this very thread: as the garbage collector does
        return self


Scene = tuple[Callable[[], object], Callable[[], object], Callable[[], object]]
"""Some work, what comes in its midst, and a check of what became of it."""


def at_every_step(module: ModuleType, scene: Callable[[], Scene]) -> None:
    """The check holds wherever something comes in the work's midst, and nothing waits for ever."""
    done: SimpleQueue[Any] = SimpleQueue()

    def play() -> None:
        sys._getframe().f_trace_opcodes = True  # Python 3.12 wants it before the tracing begins
        try:
            for steps in itertools.count(1):
                work, meanwhile, check = scene()
                midst = Midst(module, steps, meanwhile)
                sys.settrace(midst)
                try:
                    work()
                finally:
                    sys.settrace(None)
                if midst.steps > 0:  # the work is over before so many
                    assert steps > 5
                    break
                check()
        except BaseException as error:  # noqa: BLE001 - raised below
            done.put(error)
        done.put(None)

    threading.Thread(target=play, daemon=True).start()
    if (error := done.get(timeout=30)) is not None:
        raise error


def _one_leaves_as_one_enters() -> Scene:
    gate, late = Gate(1), Place()
    inside = placed(gate)

    def check() -> None:
        assert late.has_come
        gate.leave(late)
        assert [placed(gate).has_come for _ in range(2)] == [True, False]

    return lambda: gate.enter(late), lambda: gate.leave(inside), check


def _one_enters_as_one_leaves() -> Scene:
    gate, late = Gate(1), Place()
    inside, waiting = placed(gate), placed(gate)

    def check() -> None:
        first, second = (waiting, late) if waiting.has_come else (late, waiting)
        assert (first.has_come, second.has_come) == (True, False)
        gate.leave(first)
        assert second.has_come

    return lambda: gate.leave(inside), lambda: gate.enter(late), check


def _one_gives_up_as_its_place_comes() -> Scene:
    gate = Gate(1)
    inside, waiting = placed(gate), placed(gate)

    def check() -> None:
        assert not waiting.has_come
        assert [placed(gate).has_come for _ in range(2)] == [True, False]

    return lambda: gate.leave(inside), lambda: gate.leave(waiting), check


def _one_is_woken_as_it_says_how() -> Scene:
    gate, woken = Gate(1), list[bool]()
    inside, waiting = placed(gate), placed(gate)

    def check() -> None:
        assert woken
        assert waiting.has_come

    return lambda: waiting.wake_by(lambda: woken.append(True)), lambda: gate.leave(inside), check


def _a_probe_ends_as_another_asks() -> Scene:
    one, _, _ = half_open()
    probe, found = admitted(one), list[Spell | None]()

    def check() -> None:
        assert (one.admit() is None) is (found[0] is not None)

    return lambda: found.append(one.admit()), probe.let_go, check


def _two_fail() -> Scene:
    one, clock = breaker(failures=2)
    spell = admitted(one)

    def check() -> None:
        assert (one.state, one.times_opened) == ("open", 1)
        clock.now = 10.0
        assert admitted(one).opened == 0.0

    return lambda: one.note(False, spell), lambda: one.note(False, spell), check


def _one_answers_as_a_probe_fails() -> Scene:
    one, clock, before = half_open()
    probe = admitted(one)

    def check() -> None:
        assert (one.state, one.times_opened) in {("closed", 1), ("closed", 2), ("open", 2)}
        clock.now = 20.0
        one.note(True, admitted(one))
        assert one.state == "closed"

    return lambda: one.note(False, probe), lambda: one.note(True, before), check


def _one_ends_as_it_is_left() -> Scene:
    crew, free = Workers(), threading.Event()
    results: SimpleQueue[Outcome[bool]] = SimpleQueue()
    ticket = crew.start(free.wait, results, "a")

    def check() -> None:
        assert crew.abandoned == 0

    def ends() -> None:
        free.set()
        results.get(timeout=5)

    return lambda: crew.leave_behind(ticket), ends, check


@pytest.mark.parametrize(
    ("module", "scene"),
    [
        (health, _one_leaves_as_one_enters),
        (health, _one_enters_as_one_leaves),
        (health, _one_gives_up_as_its_place_comes),
        (health, _one_is_woken_as_it_says_how),
        (health, _a_probe_ends_as_another_asks),
        (health, _two_fail),
        (health, _one_answers_as_a_probe_fails),
        (workers, _one_ends_as_it_is_left),
    ],
)
def test_whatever_comes_in_the_midst_of_it_all_is_well(
    module: ModuleType, scene: Callable[[], Scene]
) -> None:
    at_every_step(module, scene)
