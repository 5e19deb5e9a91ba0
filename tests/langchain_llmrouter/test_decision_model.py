"""Our routers as the classifier of LangChain's own ModelRouterMiddleware."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import HumanMessage
from langchain_full_fake import FullFake

import langchain_llmrouter
from langchain_llmrouter import Always, ConfigError, CostQuality, MissingExtra
from shared_core.routers.predictive.base import PredictiveRouter

HAS_DECISIONS = importlib.util.find_spec("langchain_core.decisions") is not None
newer = pytest.mark.skipif(not HAS_DECISIONS, reason="langchain-core has no decision models yet")


class Told(PredictiveRouter):
    """Expects more of ``b``, at a price."""

    def __init__(self, cost_weight: float = 0.1) -> None:
        super().__init__(["a", "b", "c"], CostQuality(cost_weight))
        self.cost_unit_ = 1.0
        self.encoder_ = len  # type: ignore[assignment]

    def _fit(self, *_: Any) -> None:
        """Nothing to learn."""

    def _predict(self, vectors: Any) -> Any:
        return np.array([[0.5, 0.7, 0.1]]), np.array([[0.0, 0.5, 0.1]])


def classify(router: Any, labels: Any = ("a", "b"), state: Any = "hi") -> Any:
    from langchain_core.decisions import Choice

    question = Choice(instructions="Which?", criteria=dict.fromkeys(labels, "…"))
    model = langchain_llmrouter.LLMRouterDecisionModel(router=router)
    return model.invoke({"state": state, "questions": {"q": question}}).choices["q"]


@newer
@pytest.mark.parametrize(("cost_weight", "chosen"), [(0.0, "b"), (0.1, "b"), (5.0, "a")])
def test_it_chooses_as_the_router_does_with_probabilities(cost_weight: float, chosen: str) -> None:
    answer = classify(Told(cost_weight))
    assert answer.choice == chosen == Told(cost_weight).route("hi").model
    assert set(answer.probabilities) == {"a", "b"}
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.confidence == max(answer.probabilities.values()) > 0.5


@newer
def test_a_router_without_predictions_answers_by_rank() -> None:
    answer = classify(Always(["a", "b", "c"], "b"), ("a", "b", "c"), HumanMessage("hi"))
    assert answer.choice == "b"
    assert answer.probabilities["b"] == pytest.approx(4 / 7)
    assert sum(answer.probabilities.values()) == pytest.approx(1)


@newer
def test_what_it_cannot_answer_is_told() -> None:
    from langchain_core.decisions import Noul

    with pytest.raises(ConfigError, match="q offers z; the router knows a, b, c"):
        classify(Told(), ("a", "z"))
    model = langchain_llmrouter.LLMRouterDecisionModel(router=Told())
    with pytest.raises(ConfigError, match="q is a Noul: a router answers Choice only"):
        model.invoke({"state": "hi", "questions": {"q": Noul(instructions="?")}})
    for option in ({"temprature": 1.0}, {"temperature": math.inf}, {"temperature": 0}):
        with pytest.raises(ValueError, match="temp"):
            langchain_llmrouter.LLMRouterDecisionModel(router=Told(), **option)


@newer
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_it_drives_langchains_own_middleware(form: str) -> None:
    middleware = pytest.importorskip("langchain.agents.middleware")
    from langchain.agents import create_agent

    models = {name: FullFake(model=name) for name in ("a", "b")}
    choices = {
        name: middleware.ModelChoice(model=model, criteria="…") for name, model in models.items()
    }
    router = middleware.ModelRouterMiddleware(
        choices=choices,
        instructions="Which?",
        classifier=langchain_llmrouter.LLMRouterDecisionModel(router=Told()),
    )
    agent = create_agent(models["a"], middleware=[router])
    asked: Any = {"messages": [("user", "hi")]}
    result = agent.invoke(asked) if form == "invoke" else await agent.ainvoke(asked)
    assert result["messages"][-1].text == "hello from b"
    assert result["model_route"].choice == "b"


@pytest.mark.skipif(HAS_DECISIONS, reason="langchain-core has decision models")
def test_without_decision_models_it_says_what_to_install() -> None:
    with pytest.raises(MissingExtra, match=r"LLMRouterDecisionModel needs langchain-core>=1\.8"):
        _ = langchain_llmrouter.LLMRouterDecisionModel
