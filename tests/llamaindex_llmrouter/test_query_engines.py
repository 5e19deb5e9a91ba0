"""The selector and the LLM in LlamaIndex' query engines and retrievers, with real indices."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from llama_index.core import Document, SummaryIndex, VectorStoreIndex
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.objects import ObjectIndex
from llama_index.core.query_engine import RouterQueryEngine, ToolRetrieverRouterQueryEngine
from llama_index.core.retrievers import RouterRetriever
from llama_index.core.tools import QueryEngineTool, RetrieverTool

from llamaindex_llmrouter import (
    Always,
    Flow,
    FunctionEncoder,
    KNNRouter,
    OutcomeTable,
    Query,
    RoutedSelection,
    RouterLLM,
    RouterSelector,
)

EMBED = MockEmbedding(embed_dim=4)


def documents(about: str) -> list[Document]:
    return [Document(text=f"{about} number {i}", id_=f"{about}-{i}") for i in range(2)]


def engines(llm: RouterLLM) -> list[QueryEngineTool]:
    """A summary of songs, and a search in films."""
    songs = SummaryIndex.from_documents(documents("song"))
    films = VectorStoreIndex.from_documents(documents("film"), embed_model=EMBED)
    return [
        QueryEngineTool.from_defaults(songs.as_query_engine(llm=llm), "songs", "sums songs up"),
        QueryEngineTool.from_defaults(films.as_query_engine(llm=llm), "films", "finds films"),
    ]


@pytest.mark.parametrize("form", ["query", "aquery"])
@pytest.mark.parametrize("choice", ["songs", "films"])
async def test_a_router_query_engine(form: str, choice: str, make: Any) -> None:
    llm = make()
    selector = RouterSelector(Always(["songs", "films"], choice))
    engine = RouterQueryEngine(selector, engines(llm), llm=llm)
    value = getattr(engine, form)("which one?")
    response = value if form == "query" else await value
    assert str(response) == "hello from a"
    assert response.source_nodes[0].text.startswith(choice[:-1])
    selected = response.metadata["selector_result"]
    assert isinstance(selected, RoutedSelection)
    assert selected.decision["model"] == choice


@pytest.mark.parametrize("form", ["query", "aquery"])
async def test_several_engines_are_asked_and_combined(form: str, make: Any) -> None:
    llm = make()
    selector = RouterSelector(Always(["songs", "films"]), max_outputs=2)
    engine = RouterQueryEngine(selector, engines(llm), llm=llm)
    value = getattr(engine, form)("which one?")
    response = value if form == "query" else await value
    assert response.metadata["selector_result"].inds == [0, 1]
    assert {node.text[:4] for node in response.source_nodes} == {"song", "film"}


async def test_tools_that_a_retriever_chooses_per_query(make: Any) -> None:
    llm = make()
    index = ObjectIndex.from_objects(engines(llm), index_cls=VectorStoreIndex, embed_model=EMBED)
    engine = ToolRetrieverRouterQueryEngine(index.as_retriever(similarity_top_k=1), llm=llm)
    assert str(engine.query("which one?")) == "hello from a"


@pytest.mark.parametrize("form", ["retrieve", "aretrieve"])
async def test_a_router_retriever(form: str, make: Any) -> None:
    tools = [
        RetrieverTool.from_defaults(
            SummaryIndex.from_documents(documents(about)).as_retriever(),
            name=about,
            description=about,
        )
        for about in ("song", "film")
    ]
    retriever = RouterRetriever(RouterSelector(Always(["song", "film"], "film")), tools, llm=make())
    value = getattr(retriever, form)("which one?")
    nodes = value if form == "retrieve" else await value
    assert sorted(node.text for node in nodes) == ["film number 0", "film number 1"]


def test_an_index_asks_the_model_worth_the_question_not_the_documents(make: Any) -> None:
    judged: list[str] = []

    class Noting(Always):
        def flow(self, query: Query) -> Flow:
            judged.append(query.text)
            return super().flow(query)

    index = SummaryIndex.from_documents(documents("song"))
    for mode in ("compact", "refine", "tree_summarize", "simple_summarize"):
        engine = index.as_query_engine(llm=make(router=Noting(["a", "b"])), response_mode=mode)
        assert "hello from a" in str(engine.query("which song?"))
    assert set(judged) == {"which song?"}


async def test_answers_of_an_index_are_streamed(make: Any) -> None:
    index = SummaryIndex.from_documents(documents("song"))
    streamed = index.as_query_engine(llm=make(), streaming=True).query("which song?")
    assert "".join(streamed.response_gen) == "hello from a"
    later = await index.as_query_engine(llm=make(), streaming=True, use_async=True).aquery("which?")
    assert "".join([text async for text in later.async_response_gen()]) == "hello from a"


def test_a_chat_engine_streams(make: Any) -> None:
    engine = SimpleChatEngine.from_defaults(llm=make())
    assert "".join(engine.stream_chat("hi").response_gen) == "hello from a"
    assert str(engine.chat("and?")) == "hello from a"


class Switching(Always):
    """Takes another model for every question that it is asked about."""

    def flow(self, query: Query) -> Flow:
        decision = yield from super().flow(query)
        self.model = next(name for name in self.pool if name != self.model)
        return decision


@pytest.mark.parametrize("form", ["chat", "achat", "stream_chat", "astream_chat"])
@pytest.mark.parametrize("mode", ["simple", "context", "condense_plus_context"])
@pytest.mark.parametrize(
    ("sticky", "asked"), [("conversation", "aaa"), ("turn", "aab"), ("off", "aba")]
)
async def test_a_chat_engine_stays_with_its_model(
    sticky: str, asked: str, mode: str, form: str, make: Any
) -> None:
    llm = make(router=Switching(["a", "b"], "a"), options={"sticky": sticky})
    index = VectorStoreIndex.from_documents(documents("film"), embed_model=EMBED)
    skip = {} if mode != "condense_plus_context" else {"skip_condense": True}
    engine = index.as_chat_engine(chat_mode=mode, llm=llm, **skip)
    answered = ""
    for question in ("which one?", "continue", "who made it?"):
        value = getattr(engine, form)(question)
        response = await value if form.startswith("a") else value
        if form == "astream_chat":
            said = "".join([piece async for piece in response.async_response_gen()])
        else:
            said = "".join(response.response_gen) if "stream" in form else str(response)
        answered += said[-1]
    assert answered == asked


class Verbs(MockEmbedding):
    """Adding and writing are far apart."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return [float("add" in text), float("write" in text), 0.01, 0.0]


def test_embeddings_of_llama_index_are_an_encoder(make: Any) -> None:
    encoder = FunctionEncoder.of_embeddings(Verbs(embed_dim=4, model_name="verbs-1"))
    assert encoder.name == "Verbs/verbs-1"
    rows = [
        {"query": text, "score.a": float("add" in text), "score.b": float("write" in text)}
        for text in ("add one", "add two", "write one", "write two")
    ]
    router = KNNRouter(["a", "b"], encoder=encoder, k=1).fit(OutcomeTable.from_rows(rows))
    llm = make(router=router)
    assert llm.complete("write a song").text == "hello from b"
    assert pickle.loads(pickle.dumps(llm)).complete("write a song").text == "hello from b"
