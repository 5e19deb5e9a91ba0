"""What every router is: a flow from a query to a decision, over a pool, that can be saved."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from shared_core import artifacts
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Encoder
from shared_core.encoders.shape import WIDTH
from shared_core.errors import ArtifactError, ConfigError, NoEligibleModel
from shared_core.learned import Learned, check
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers import saving

_STEPS: Final = ("flow", "listen")


class Router(ABC):
    """Chooses a model of a pool for a query. Subclasses write ``flow``.

    Args:
        pool: the candidates: a ModelPool, or what one is made of (candidates or names).
    """

    learned: ClassVar[Mapping[str, Learned]] = {}
    """What its learned attributes look like; loading refuses others. Not all have to be told."""

    def __init__(self, pool: ModelPool | Iterable[Candidate | str]) -> None:
        self.pool = pool if isinstance(pool, ModelPool) else ModelPool(pool)

    def __init_subclass__(cls, **options: Any) -> None:
        """A parent's ``is_quick`` tells of the parent's flow: over another it counts no more."""
        super().__init_subclass__(**options)
        order = cls.__mro__
        told_by = next(i for i, base in enumerate(order) if "is_quick" in vars(base))
        for name in _STEPS:
            if sum(_is_written(vars(base).get(name)) for base in order[: told_by + 1]) > 1:
                cls.is_quick = Router.is_quick  # type: ignore[method-assign]

    @property
    def is_quick(self) -> bool:
        """Whether each step of the flow takes a few milliseconds at most, all of it in memory.

        Coroutines then decide where they are, instead of in a worker thread: a switch of threads
        costs more than such a decision. Say True only of routers that never wait for anything; it
        is said anew by whoever replaces a flow that was there.
        """
        return False

    @abstractmethod
    def flow(self, query: Query) -> Flow:
        """Yield whom to ask, if anybody; return the decision.

        Raises:
            NoEligibleModel: no model of the pool can serve the query.
        """

    def start(self, query: Query | str) -> Flow:
        """The flow for this query; where the query names its model, a flow that obeys."""
        asked = Query.of(query)
        flow = self.flow(asked) if asked.model is None else self._obey(asked, asked.model)
        if not isinstance(flow, Generator):
            raise ConfigError(
                f"{type(self).__name__}.flow is no generator: it yields whom to ask; where it asks "
                "nobody, a `yield` after its `return` makes it one"
            )
        return flow

    def route(self, query: Query | str) -> RoutingDecision:
        """Decide without calling any model.

        Raises:
            ConfigError: this router has to hear answers before it can decide.
            NoEligibleModel: no model of the pool can serve the query.
        """
        flow = self.start(query)
        try:
            ask = next(flow)
        except StopIteration as done:
            if not isinstance(done.value, RoutingDecision):
                raise ConfigError(f"the flow returned {done.value!r}, no RoutingDecision") from None
            return done.value
        flow.close()
        raise ConfigError(
            f"{type(self).__name__} decides only after hearing {', '.join(ask.models)}: "
            "run it through a Dispatcher or an adapter"
        )

    async def aroute(self, query: Query | str) -> RoutingDecision:
        """``route`` that never blocks the event loop: in a worker thread unless ``is_quick``."""
        return self.route(query) if self.is_quick else await asyncio.to_thread(self.route, query)

    def _obey(self, query: Query, model: str) -> Flow:
        if objection := self.pool[model].sure_objection(query):
            raise NoEligibleModel(
                f"the model asked for cannot serve this query: {model} {objection}"
            )
        return RoutingDecision(
            (model,), type(self).__name__, "forced", "the caller named the model"
        )
        yield

    def save(self, folder: str | Path) -> Path:
        """Write the router to a folder, whole or not at all; no pickle.

        Raises:
            NotFitted: there is nothing to save yet.
            ArtifactError: the place holds something else, or cannot be written.
        """
        return artifacts.write(self.artifact(), folder)

    def artifact(self) -> artifacts.Artifact:
        """What saving writes.

        Raises:
            ArtifactError: what was learned is not as ``learned`` says, and nobody could load it.
        """
        self.check_learned()
        return saving.artifact_of(self)

    def check_learned(self, **sizes: int) -> dict[str, int]:
        """The lengths of the axes of what was learned, where it is as ``learned`` says.

        Args:
            sizes: lengths that are known beforehand.

        Raises:
            ArtifactError: it is not.
        """
        known = {"form": WIDTH, "models": len(self.pool), **sizes}
        return check(type(self).__name__, type(self).learned, vars(self), known)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        pool: ModelPool | None = None,
        encoder: Encoder | None = None,
        *,
        is_trusted: bool = False,
    ) -> Self:
        """Read a saved router back.

        Args:
            folder: where ``save`` wrote it.
            pool: today's pool (new prices, say) in place of the saved one; same models.
            encoder: the encoder to use, where it could not be saved with the router.
            is_trusted: whether a scorer such as ``PassesTests`` may run code that the folder holds.

        Raises:
            ArtifactError: missing, damaged, of another format, for other models, for another
                encoder, not of this class, or with code to run and not trusted.
        """
        saved = artifacts.read(folder, "router")
        router = saving.router_of(saved, Router, pool, encoder, is_trusted=is_trusted)
        if not isinstance(router, cls):
            raise ArtifactError(f"{folder} holds a {type(router).__name__}, no {cls.__name__}")
        return router

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        """Constructor arguments, besides the pool, of small instances for the conformance suite."""
        return [{}]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pool!r})"


def check_router(router: object) -> None:
    """ConfigError where something else was given for a router, such as its class or folder."""
    if isinstance(router, Router):
        return
    if isinstance(router, type):
        raise ConfigError(f"a router is an instance, not the class {router.__name__}")
    told = f"; a saved one is read with Router.load({str(router)!r})"
    raise ConfigError(
        f"a router is an instance of Router, not {router!r}"
        + (told if isinstance(router, (str, Path)) else "")
    )


def _is_written(step: Any) -> bool:
    return step is not None and not getattr(step, "__isabstractmethod__", False)
