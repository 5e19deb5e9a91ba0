"""Public names: listed in the stub, loaded on first use, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import shared_core
from shared_core import MissingExtra
from shared_core._lazy import _EXTRA_OF, attach, load, public_names

ROOT = Path(__file__).parents[2]


def python(code: str, *arguments: str) -> str:
    """What the code prints in a fresh interpreter."""
    order = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(order, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_package_has_what_its_stub_lists() -> None:
    assert dir(shared_core) == sorted(public_names("shared_core"))
    assert len(set(dir(shared_core))) == len(dir(shared_core)) > 30


def test_a_name_is_looked_up_once() -> None:
    looked = (
        "before = 'Query' in vars(s); found = s.Query; print(before, vars(s)['Query'] is found)"
    )
    assert python(f"import shared_core as s; {looked}") == "False True"


OF_TORCH = {
    "FineTunedEncoder",
    "PromptedRouter",
    "TransformerEncoder",
    "TransformersLikelihood",
    "export_onnx",
}
OF_ANY_EXTRA = OF_TORCH | {"OnnxEncoder", "ValidJSON", "ValidToolCalls"}
STARRED = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
from shared_core import *
import shared_core
print(*set(dir(shared_core)) - set(globals()))
"""


@pytest.mark.parametrize(
    ("missing", "lost"), [(["torch"], OF_TORCH), (sorted(_EXTRA_OF), OF_ANY_EXTRA)], ids=len
)
def test_star_imports_leave_out_what_needs_an_extra_that_is_missing(
    missing: list[str], lost: set[str]
) -> None:
    assert lost <= set(python(STARRED, *missing).split()) <= OF_ANY_EXTRA


def test_star_imports_of_an_adapter_are_as_forgiving() -> None:
    pytest.importorskip("langchain_core", reason="needs the extra `langchain`")
    starred = STARRED.replace("shared_core", "langchain_llmrouter")
    lost = set(python(starred, "torch").split())
    assert lost >= OF_TORCH
    assert not lost & {"ChatLLMRouter", "MLPRouter", "BERTRouter"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'shared_core' has no attribute 'Nothing'"):
        shared_core.Nothing  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        exec("from shared_core import Nothing")


def test_star_imports_in_a_stub_are_followed() -> None:
    names = public_names("langchain_llmrouter")
    assert names["Query"] == "shared_core.query"
    assert names["ChatLLMRouter"] == "langchain_llmrouter.chat_model"


def test_a_package_that_is_not_there_is_told() -> None:
    with pytest.raises(ModuleNotFoundError, match="no package 'nothing_of_this_name'"):
        public_names("nothing_of_this_name")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose modules need what is not there."""
    name = "lazy_example"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.pyi").write_text(
        "from .heavy import Heavy as Heavy\nfrom .other import Other\nfrom .broken import Broken\n"
    )
    (folder / "__init__.py").write_text(
        "from shared_core._lazy import attach\n__getattr__, __dir__ = attach(__name__)\n"
    )
    (folder / "heavy.py").write_text("import torch.nn\nclass Heavy: ...\n")
    (folder / "other.py").write_text("import a_package_nobody_has\n")
    (folder / "broken.py").write_text("from json import nothing_of_the_kind\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in (name, f"{name}.heavy", f"{name}.other", f"{name}.broken"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    public_names.cache_clear()
    return name


def test_a_missing_package_of_an_extra_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    module = __import__(package)
    assert dir(module) == ["Broken", "Heavy", "Other"]
    with pytest.raises(MissingExtra) as caught:
        module.Heavy  # noqa: B018
    assert str(caught.value) == (
        f"Heavy needs {caught.value.__cause__.name}: pip install 'llmrouter-integrations[torch]'"  # type: ignore[union-attr]
    )


def test_any_other_import_error_is_left_as_it_is(package: str) -> None:
    module = __import__(package)
    with pytest.raises(ModuleNotFoundError, match="a_package_nobody_has"):
        module.Other  # noqa: B018
    with pytest.raises(ImportError, match="nothing_of_the_kind"):
        module.Broken  # noqa: B018
    with pytest.raises(ImportError, match="nothing_of_the_kind"):
        exec(f"from {package} import *")


def test_the_extra_that_is_named_exists() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(_EXTRA_OF.values()) <= set(project["optional-dependencies"])


def test_load_returns_the_module() -> None:
    import json

    assert load("json", wanted_by="anybody") is json
    get, listed = attach("shared_core")
    assert get("Query") is shared_core.Query
    assert listed() == dir(shared_core)
