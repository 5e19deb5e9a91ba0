"""LlamaIndex' part of `llmrouter demo`: held-out questions through a router query engine."""

from __future__ import annotations

from llama_index.core.base.response.schema import RESPONSE_TYPE, Response
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import CustomQueryEngine, RouterQueryEngine
from llama_index.core.tools import QueryEngineTool
from pydantic import ConfigDict

from llamaindex_llmrouter.selector import RouterSelector
from shared_core.demo.scene import DemoAnswer, DemoScene


class DemoQueryEngine(CustomQueryEngine):
    """One candidate of the demonstration: answers live or as recorded, and says which."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    candidate: str
    scene: DemoScene

    def custom_query(self, query_str: str) -> RESPONSE_TYPE:
        answer = self.scene.ask(self.candidate, query_str)
        return Response(answer.text, metadata={"source": answer.source})


def show(scene: DemoScene) -> None:
    """Route the scene's questions among one query engine for each model, and show each."""
    engine = RouterQueryEngine(
        selector=RouterSelector(scene.router),
        query_engine_tools=[_tool(scene, name) for name in scene.router.pool],
        llm=MockLLM(),  # would join several selections; there is only one
    )
    for question in scene.questions:
        response = engine.query(question)
        metadata = response.metadata or {}
        answer = DemoAnswer(str(response), metadata["source"])
        scene.show(question, metadata["selector_result"].decision, answer)


def _tool(scene: DemoScene, name: str) -> QueryEngineTool:
    described = scene.router.pool[name].description or name
    engine = DemoQueryEngine(candidate=name, scene=scene)
    return QueryEngineTool.from_defaults(engine, name=name, description=described)
