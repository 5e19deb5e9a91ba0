"""The prior of demand is what its prompts make it, and holds for authors it has not read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shared_core.routers.no_data.prior import Prior

SCRIPT = Path(__file__).parents[2] / "examples" / "demand_prior" / "learn.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learn_demand_prior", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_shipped_prior_is_the_one_that_the_prompts_teach(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prior.safetensors"
    monkeypatch.setattr(sys, "argv", ["learn.py", "--out", str(path)])
    script.main()
    anew, shipped = Prior.load(path), Prior.load()
    assert (anew.vocabulary.ids == shipped.vocabulary.ids).all()
    assert anew.weights == pytest.approx(shipped.weights, abs=2e-3)
    assert anew.offset == pytest.approx(shipped.offset, abs=1e-6)


@pytest.mark.slow
def test_it_holds_for_an_author_it_has_not_read(script: ModuleType) -> None:
    told = script.prompts()
    own = [one for one in told if one.author == "2"]
    prior = script.learned([one for one in told if one.author != "2"])
    found = script.judged(prior, own)
    assert found.auc > 0.98
    assert found.hard_to_weaker < 0.02
    assert found.easy_to_stronger < 0.2
    assert max(found.hard_to_weakest, found.easy_to_strongest) < 0.01


def test_the_prompts_are_all_different_and_of_known_kinds(script: ModuleType) -> None:
    told = script.prompts()
    assert len({one.text.casefold() for one in told}) == len(told)
    assert {one.asks for one in told} == set(script.ASKED)
    languages = "en pt es fr de it nl pl ru tr id zh ja ko ar hi"
    assert {one.language for one in told} == set(languages.split())
    assert min(sum(one.asks == kind for one in told) for kind in script.ASKED) > 500


@pytest.mark.slow
@pytest.mark.parametrize("how", ["--check", "--test"])
def test_checking_tells_each_author(
    how: str,
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    rows = [
        ("1", "easy", "en", "how do you spell cat"),
        ("1", "hard", "en", "prove this theorem of cats"),
        ("2", "easy", "en", "how do you spell dog"),
        ("2", "hard", "en", "prove that theorem of dogs"),
    ]
    path = tmp_path / "prompts.tsv"
    header = "author\tasks\tlanguage\tprompt\n"
    path.write_text(header + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ["--test", str(path)] if how == "--test" else ["--check", "--prompts", str(path)]
    monkeypatch.setattr(sys, "argv", ["learn.py", *arguments])
    script.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["author", "1", "2"]
    assert lines[1].split()[:3] == ["1", "2", "1.000"]
