"""Ask several at once and keep the best; or one several times (best of n)."""

from __future__ import annotations

from collections.abc import Iterable

from shared_core.checks import check_counts
from shared_core.decision import Answer, Ask, Flow
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.base import Router
from shared_core.routers.non_predictive.base import Heard, ListeningRouter
from shared_core.scorers.base import Scorer
from shared_core.scorers.consistency import Agreement


class EnsembleRouter(ListeningRouter):
    """Asks ``k`` models at once and keeps the answer that scores best.

    With the ``Agreement`` scorer that is a vote: the answer most like the others wins.

    Args:
        pool: the candidates.
        scorer: how good an answer is, beside the others.
        k: how many are asked.
        inner: a router whose best ``k`` are asked; the cheapest when not given.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        scorer: Scorer = Agreement(),
        k: int = 3,
        inner: Router | None = None,
    ) -> None:
        check_counts(k=k)
        super().__init__(pool, scorer, inner)
        self.k = k

    def listen(self, heard: Heard) -> Flow:
        asked = heard.ranking[: self.k]
        yield from self.hear(heard, asked)
        best = heard.best
        if best is None:
            return self.decision(heard, heard.next_choice, f"none of {', '.join(asked)} answered")
        told = ", ".join(f"{name} {score:.2f}" for name, score in heard.scores.items())
        return self.decision(heard, best.model, f"the best of the answers heard: {told}", best)


class BestOfNRouter(ListeningRouter):
    """Asks one model ``n`` times at once and keeps the answer that scores best.

    Args:
        pool: the candidates.
        scorer: how good an answer is, beside the others.
        n: how often; it is of use only with a model that samples.
        inner: a router that chooses the model; the cheapest when not given.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        scorer: Scorer = Agreement(),
        n: int = 3,
        inner: Router | None = None,
    ) -> None:
        check_counts(n=n)
        super().__init__(pool, scorer, inner)
        self.n = n

    def listen(self, heard: Heard) -> Flow:
        model = heard.ranking[0]
        answers = yield Ask((model,) * self.n)
        heard.note(answers)
        best: tuple[float, Answer] | None = None
        for answer in heard.answers:
            told = yield from self.scorer.flow(heard.query, answer, heard.answers)
            score = told if told == told else 0.0  # NaN: the scorer cannot judge it
            if best is None or score > best[0]:
                best = score, answer
        if best is None:
            return self.decision(heard, heard.next_choice, f"{model} did not answer")
        heard.scores[model] = best[0]
        reason = f"the best of {len(heard.answers)} answers, scored {heard.scores[model]:.2f}"
        return self.decision(heard, model, reason, best[1])
