"""What the demonstration hands to each framework's part of it.

A part is a function that takes a DemoScene, announced in the entry-point group ``llmrouter.demos``;
so the core shows the frameworks without importing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared_core.demo.live import LiveModel
from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable
from shared_core.routers.base import Router

GROUP: Final = "llmrouter.demos"


@dataclass(frozen=True)
class DemoAnswer:
    """A model's answer, and where it comes from: ``recorded`` or ``live: <server's model>``."""

    text: str
    source: str


@dataclass(frozen=True)
class DemoScene:
    """A trained router, questions it has not seen, and models to answer them.

    Args:
        router: the router.
        questions: what to ask.
        recorded: outcomes with recorded answers that hold those questions.
        show: called with question, decision record and answer, once for each question.
        live: candidate -> model that answers in its place.
    """

    router: Router
    questions: tuple[str, ...]
    recorded: OutcomeTable
    show: Callable[[str, Mapping[str, Any], DemoAnswer], None]
    live: Mapping[str, LiveModel] = field(default_factory=dict)

    def ask(self, model: str, question: str) -> DemoAnswer:
        """The answer of a candidate: live where there is a live model for it, else as recorded.

        Raises:
            DataError: no answer of that model to this question was recorded.
        """
        if model in self.live:
            asked = self.live[model]
            return DemoAnswer(asked.ask(question).text, f"live: {asked.name}")
        answers = self.recorded.answers.get(model)
        if answers is None or question not in self.recorded.queries:
            raise DataError(f"no answer of {model} to this question was recorded")
        return DemoAnswer(answers[self.recorded.queries.index(question)], "recorded")
