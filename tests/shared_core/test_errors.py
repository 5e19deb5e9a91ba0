"""The tree of errors is what the module's docstring draws, and each can be caught as one's own."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from shared_core import AllModelsFailed, Attempt, ModelPool, RouterError, errors

TREE = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, Exception)
}


def drawn() -> dict[str, str]:
    """Name -> parent, as drawn in the docstring."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│ ]*[├└]── |)([A-Z]\w+)", line):
            depth = len(match[1]) // 4
            if depth or match[2] == "RouterError":
                above[depth:] = [match[2]]
                parents[match[2]] = above[depth - 1] if depth else "Exception"
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == {name: found.__bases__[0].__name__ for name, found in TREE.items()}


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ConfigError", ValueError),
        ("PoolError", ValueError),
        ("UnknownModel", KeyError),
        ("DataError", ValueError),
        ("NotFitted", RuntimeError),
        ("ArtifactError", ValueError),
        ("AllModelsFailed", RuntimeError),
        ("MissingExtra", ImportError),
    ],
)
def test_each_is_also_the_builtin_one_expects(name: str, builtin: type[Exception]) -> None:
    assert issubclass(TREE[name], RouterError)
    assert issubclass(TREE[name], builtin)


def test_all_models_failed_tells_how_each_did() -> None:
    attempts = [Attempt("a", "Timeout"), Attempt("b", "RateLimited", 429)]
    error = AllModelsFailed(attempts)
    assert str(error) == "all 2 models that were asked failed: a: Timeout; b: RateLimited 429"
    assert error.attempts == tuple(attempts)


def test_it_crosses_process_borders() -> None:
    error = AllModelsFailed([Attempt("a", "Timeout", 504)])
    copy = pickle.loads(pickle.dumps(error))  # as multiprocessing does
    assert (str(copy), copy.attempts) == (str(error), error.attempts)


def test_a_missing_models_message_is_not_quoted() -> None:
    with pytest.raises(KeyError) as caught:
        ModelPool(["a"])["b"]
    assert str(caught.value) == "no model 'b' in the pool; there are a"


def test_the_last_models_own_error_is_raised_and_told_of_once() -> None:
    own, failed = ValueError("too long"), AllModelsFailed([Attempt("a", "ValueError")])
    for _ in range(2):  # as where a router is a model of another
        with pytest.raises(ValueError, match="too long") as caught, errors.own_errors():
            raise failed from own
    assert caught.value is own
    assert own.__notes__ == [str(failed)]
    with pytest.raises(AllModelsFailed), errors.own_errors():
        raise AllModelsFailed([])
