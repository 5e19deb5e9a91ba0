"""LangChain's own agent tests, with every model wrapped in the router.

    python benchmarks/langchain_agents.py [folder]

Fetches the source distribution of the installed ``langchain`` (into ``folder``, or a temporary
one) and runs its agent tests five times: as they are; with each model handed to ``create_agent``
as a router's only candidate; as three candidates that take turns; behind a candidate that always
fails; and as an only candidate whose answers carry the decision. Prints how many pass, and which
pass only without the router. Needs pytest-mock, syrupy and blockbuster, which those tests use.

One test compares a whole answer with one that has no metadata at all: that holds with
``record=False``, as in the first three ways, and cannot where the decision stands on the answer.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

WAYS = ("as they are", "one candidate", "three candidates", "first fails", "with records")
TESTS = "tests/unit_tests/agents"
PLUGIN = """
import os, sys
import langchain.agents, langchain.agents.factory as factory
from langchain_core.language_models import BaseChatModel
from langchain_llmrouter import Always, ChatLLMRouter, Flow, Query, Router, RoutingDecision


class Broken(BaseChatModel):
    _llm_type = "broken"

    def _generate(self, *args, **kwargs):
        raise ConnectionError("down")

    def bind_tools(self, tools, **kwargs):
        return self


class InTurn(Router):
    asked = 0

    def flow(self, query: Query) -> Flow:
        names, self.asked = self.pool.names, self.asked + 1
        turn = self.asked % len(names)
        return RoutingDecision((*names[turn:], *names[:turn]), "InTurn", "policy", "its turn")
        yield


def wrapped(model):
    if not isinstance(model, BaseChatModel) or isinstance(model, ChatLLMRouter):
        return model
    way = os.environ["LLMROUTER_WAY"]
    if way in ("one candidate", "with records"):
        models, router = {"only": model}, Always
    elif way == "three candidates":
        models, router = dict.fromkeys(("a", "b", "c"), model), InTurn
    else:
        models, router = {"broken": Broken(profile=model.profile), "fake": model}, Always
    return ChatLLMRouter(models=models, router=router(models), record=way == "with records")


original = factory.create_agent


def create_agent(model, *args, **kwargs):
    return original(wrapped(model), *args, **kwargs)


if os.environ["LLMROUTER_WAY"] != "as they are":
    factory.create_agent = langchain.agents.create_agent = create_agent
"""


def main() -> None:
    """Run all five and compare."""
    if len(sys.argv) > 1:
        return run_all(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        return run_all(Path(folder))


def run_all(folder: Path) -> None:
    """The five runs, each compared with the first."""
    source = fetched(folder)
    (source / "llmrouter_plugin.py").write_text(PLUGIN, encoding="utf-8")
    plain = results(source, WAYS[0])
    print(f"{WAYS[0]:18} {sum(plain.values())} of {len(plain)} pass")
    for way in WAYS[1:]:
        found = results(source, way)
        lost = [name for name, passed in plain.items() if passed and not found.get(name)]
        print(f"{way:18} {sum(found.values())} of {len(found)} pass; lost {len(lost)}")
        for name in lost:
            print(f"    {name}")


def fetched(folder: Path) -> Path:
    """LangChain's source distribution, unpacked."""
    version = importlib.metadata.version("langchain")
    source = folder / f"langchain-{version}"
    if not source.exists():
        command = ["download", "-q", "--no-binary", ":all:", "--no-deps", "-d", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", *command, f"langchain=={version}"], check=True)
        with tarfile.open(folder / f"{source.name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return source


def results(source: Path, way: str) -> dict[str, bool]:
    """Test -> whether it passed; skipped ones are left out."""
    report = source / "report.xml"
    environment = {**os.environ, "LLMROUTER_WAY": way, "PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "llmrouter_plugin", TESTS]
    quiet = ["-p", "no:cacheprovider", "-p", "no:randomly", f"--junit-xml={report}"]
    report.unlink(missing_ok=True)
    ran = subprocess.run(
        [*command, *quiet], cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    if not report.exists():
        sys.exit(f"LangChain's tests do not run here:\n{ran.stdout}{ran.stderr}")
    return dict(cases(report))


def cases(report: Path) -> Iterator[tuple[str, bool]]:
    """The report's tests that ran."""
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag for child in case}
        if "skipped" not in outcomes:
            yield f"{case.get('classname')}.{case.get('name')}", not outcomes & {"failure", "error"}


if __name__ == "__main__":
    main()
