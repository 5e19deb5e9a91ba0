"""Our routers for LangChain's own ModelRouterMiddleware: a local model of which model to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from langchain_core.decisions import BaseDecisionModel, Choice, ClassifierResponse, Question
from langchain_core.decisions.types import ChoiceAnswer, State
from pydantic import ConfigDict, Field

from langchain_llmrouter.inputs import query_of_input
from shared_core.decision import RoutingDecision
from shared_core.errors import ConfigError
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.weighing import utilities


class LLMRouterDecisionModel(BaseDecisionModel):
    """Answers ``Choice`` questions whose labels are models of the router's pool.

    Args:
        router: who decides, without calling a model.
        temperature: utility, in quality points, by which a model must lead to be e times as likely.

    Probabilities are a softmax of the models' utilities by the router's policy, over the labels
    offered; by rank, each half as likely as the one before, where the router predicts none.
    The confidence is the chosen label's probability.

    Raises:
        ConfigError: a label is not in the pool, or the question is no ``Choice``.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    router: Router = Field(exclude=True, repr=False)
    model: str = "llmrouter"
    temperature: float = Field(default=0.1, gt=0, allow_inf_nan=False)

    @property
    def _provider(self) -> str:
        return "llmrouter"

    def _classify(self, state: State, questions: dict[str, Question]) -> ClassifierResponse:
        answers: dict[str, Any] = {
            name: self._choose(state, self._checked(name, question))
            for name, question in questions.items()
        }
        return ClassifierResponse(model=self.model, answers=answers)

    def _checked(self, name: str, question: Question) -> list[str]:
        if not isinstance(question, Choice):
            raise ConfigError(
                f"{name} is a {type(question).__name__}: a router answers Choice only"
            )
        labels = list(question.criteria)
        if unknown := [label for label in labels if label not in self.router.pool]:
            known = ", ".join(self.router.pool)
            raise ConfigError(f"{name} offers {', '.join(unknown)}; the router knows {known}")
        return labels

    def _choose(self, state: State, labels: Sequence[str]) -> ChoiceAnswer:
        others = {name: "is not offered" for name in self.router.pool if name not in labels}
        query = query_of_input(state, exclude=others)
        decision = self.router.route(query)
        chances = dict.fromkeys(labels, 0.0) | self._chances(decision, query)
        top = decision.model
        return ChoiceAnswer(
            type="choice", choice=top, probabilities=chances, confidence=min(chances[top], 1.0)
        )

    def _chances(self, decision: RoutingDecision, query: Query) -> dict[str, float]:
        worth = utilities(self.router, decision.quality, decision.cost, query)
        if not worth or max(worth, key=worth.__getitem__) != decision.model:
            worth = {name: -i * self.temperature * math.log(2) for i, name in _ranked(decision)}
        most = max(worth.values())
        weights = {name: math.exp((one - most) / self.temperature) for name, one in worth.items()}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}


def _ranked(decision: RoutingDecision) -> list[tuple[int, str]]:
    return list(enumerate(decision.ranking))
