"""Other people's routers as functions from texts to what they decide, for `judge`.

Each takes a router that you made as its own documentation says, so nothing here imports a peer.
What a peer cannot say (a text without a route, a model that is not in the table) is decided here in
the open: it goes to the model you name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Decide = Callable[[Sequence[str]], Any]


def routellm(router: Any) -> Decide:
    """A RouteLLM router (`pip install routellm`): one score per text, for two models.

        from routellm.controller import Controller
        controller = Controller(routers=["bert"], strong_model="…", weak_model="…")
        judge({"bert": routellm(controller.routers["bert"])}, train, test)

    The score is the chance that the strong model wins; the table needs exactly two models.
    """

    def decide(texts: Sequence[str]) -> list[float]:
        return [float(router.calculate_strong_win_rate(text)) for text in texts]

    return decide


def llmrouter(router: Any, otherwise: str, names: Mapping[str, str] | None = None) -> Decide:
    """An LLMRouter router (`pip install llmrouter-lib`): one model per text.

        from llmrouter.models import KNNRouter
        judge({"their knn": llmrouter(KNNRouter("config.yaml"), otherwise="small")}, train, test)

    Args:
        router: anything with `route_single({"query": text}) -> {"model_name": …}`.
        otherwise: the model for texts on which it names none.
        names: its names -> the table's, where they differ.
    """
    known = names or {}

    def decide(texts: Sequence[str]) -> list[str]:
        said = [router.route_single({"query": text}).get("model_name") for text in texts]
        return [known.get(name, name) if name else otherwise for name in said]

    return decide


def semantic_router(router: Any, models: Mapping[str, str], otherwise: str) -> Decide:
    """Aurelio's semantic-router (`pip install semantic-router`): an intent per text.

        router = SemanticRouter(encoder=encoder, routes=routes, auto_sync="local")
        mine = semantic_router(router, {"sums": "small", "poems": "large"}, otherwise="large")

    Args:
        router: anything that, called with a text, gives a choice with a `name`, or None.
        models: route's name -> the model it stands for.
        otherwise: the model for texts that match no route.
    """

    def decide(texts: Sequence[str]) -> list[str]:
        return [models.get(getattr(router(text), "name", None) or "", otherwise) for text in texts]

    return decide
