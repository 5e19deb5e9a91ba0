"""Small files in every format: what is used is right, what is not is counted."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_core import FORMATS, DataError, OutcomeTable, Reading, read_outcomes


def lines(path: Path, rows: Iterable[Any]) -> Path:
    """Rows as JSONL; a text is written as it is."""
    told = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(told), encoding="utf-8")
    return path


def score(reading: Reading, query: str, model: str) -> float:
    """A score in the table, by name."""
    table = reading.table
    return float(table.score[table.queries.index(query), table.models.index(model)])


def test_table_leaves_broken_rows_out_and_says_so(tmp_path: Path) -> None:
    sound = {"query": "a", "score.m": 1, "cost.m": 0.1}
    rows = [sound, {**sound, "score.m": "good"}, {**sound, "cost.m": -2}, "{broken", "[]"]
    found = read_outcomes(lines(tmp_path / "t.jsonl", rows))
    assert (found.format, found.records, len(found.table)) == ("table", 5, 1)
    assert found.left_out == {
        "that are no JSON objects": 2,
        "whose score is no number": 1,
        "whose cost is not a number from 0 up": 1,
    }
    assert "5 records" in found.explain()
    assert "2 that are no JSON objects" in found.explain()
    path = tmp_path / "t.csv"
    path.write_text("query,score.m\na,1\nb,0,7\nc\nd,0.5", encoding="utf-8")
    assert read_outcomes(path).left_out == {"with more fields than the first line names": 1}


@pytest.mark.parametrize("value", [10**400, "1e400", "-1", math.inf])
def test_any_number_outside_is(value: Any, tmp_path: Path) -> None:
    rows = [{"query": "q", "score.a": 1}, {"query": "q", "score.a": value, "cost.a": "?"}]
    with pytest.raises(DataError, match=r"outside 0\.\.1: 1, the first in record 2"):
        read_outcomes(lines(tmp_path / "t.jsonl", rows))


@pytest.mark.parametrize("word", ["n/a", "NA", "nan", "Null", "none", "-", "", " N/A "])
def test_a_cell_may_say_that_it_is_unknown(word: str, tmp_path: Path) -> None:
    row = {"query": "q", "score.a": word, "score.b": " True ", "cost.a": word, "logprob.a": word}
    path = lines(tmp_path / "t.jsonl", [row, {**row, "score.b": "unsure"}])
    found = read_outcomes(path)
    assert found.left_out == {"whose score is no number": 1}
    np.testing.assert_array_equal(found.table.score, [[np.nan, 1]])
    assert not found.table.has_costs
    np.testing.assert_array_equal(OutcomeTable.from_rows([row]).score, found.table.score)


DEEP = json.loads('{"content":' * 700 + '"x"' + "}" * 700)
TABLE = {"query": "a", "score.m": 1, "cost.m": 0.1}
LINE = {"query": "a", "model_name": "m", "performance": 1}
LOG = {"messages": [{"role": "user", "content": "hi"}], "model": "m", "score": 1}
RUN = {
    "run_type": "llm",
    "inputs": {"input": "q"},
    "extra": {"metadata": {"ls_model_name": "m"}},
    "feedback_stats": {"score": {"avg": 1}},
}


GENERATION = {
    "type": "GENERATION",
    "traceId": "t",
    "input": "q",
    "model": "m",
    "scores": [{"name": "s", "value": 1}],
}
BENCH = {"sample_id": "1", "prompt": "q", "m": 1, "m|model_response": "x", "m|total_cost": 0.1}


@pytest.mark.parametrize(
    ("sound", "off"),
    [
        (LINE, {"performance": 4}),
        (LOG, {"score": -1}),
        (RUN, {"feedback_stats": {"score": {"avg": 4.5}}}),
        (GENERATION, {"scores": [{"name": "s", "value": 5}]}),
        (BENCH, {"m": 10**400}),
    ],
)  # fmt: skip
def test_a_score_off_the_scale_refuses_the_file(
    sound: dict[str, Any], off: dict[str, Any], tmp_path: Path
) -> None:
    """Of marks from 1 to 5 only those of 1 lie within 0..1, where they would be the best."""
    path = lines(tmp_path / "t.jsonl", [sound, {**sound, **off}])
    with pytest.raises(DataError, match=r"t\.jsonl: .* outside 0\.\.1\. Rescale the scores of all"):
        read_outcomes(path)
    assert len(read_outcomes(lines(path, [sound])).table) == 1


@pytest.mark.parametrize(
    ("sound", "broken", "reason"),
    [
        (TABLE, {"cost.m": math.inf}, "whose cost is not a number from 0 up"),
        (TABLE, {"cost.m": 10**400}, "whose cost is not a number from 0 up"),
        (TABLE, {"query": ["b"]}, "whose query is no text"),
        (TABLE, {"query": 5}, "whose query is no text"),
        (LINE, {"cost": math.inf}, "whose cost is not a number from 0 up"),
        (LINE, {"task_name": {"a": 1}}, "whose data set is no name"),
        (LINE, {"task_name": ["a"]}, "whose data set is no name"),
        (LOG, {"messages": [{"kwargs": {"content": "x"}, "id": 5}]}, "without a text that a user"),
        (LOG, {"messages": [{"role": "user", "content": DEEP}]}, "that are nested too deep"),
        (LOG, {"choices": [DEEP]}, "that are nested too deep"),
    ],
)  # fmt: skip
def test_a_broken_record_is_counted_whatever_is_broken(
    sound: dict[str, Any], broken: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    found = read_outcomes(lines(tmp_path / "t.jsonl", [sound, {**sound, **broken}]))
    assert len(found.table) == 1
    ((told, count),) = found.left_out.items()
    assert (told[: len(reason)], count) == (reason, 1)


def test_times_in_milliseconds_give_seconds(tmp_path: Path) -> None:
    rows = [{**RUN, "start_time": 1_700_000_000_000, "end_time": 1_700_000_002_500}]
    found = read_outcomes(lines(tmp_path / "t.jsonl", rows)).table
    assert found.measures["latency"].tolist() == [[2.5]]


def test_times_beyond_any_clock_are_unknown(tmp_path: Path) -> None:
    rows = [{**RUN, "start_time": 0, "end_time": 10**400}]
    assert "latency" not in read_outcomes(lines(tmp_path / "t.jsonl", rows)).table.measures


@pytest.mark.parametrize("name", ["dataset_name", "split", "model_name"])
def test_results_without_names_are_counted(name: str, tmp_path: Path) -> None:
    records = [{"origin_query": "q", "score": 1}]
    run = {"dataset_name": "d", "split": "test", "model_name": "m", "records": records}
    (tmp_path / "1.json").write_text(json.dumps(run))
    (tmp_path / "2.json").write_text(json.dumps({**run, name: ["x"]}))
    assert read_outcomes(tmp_path).left_out == {"files that hold no results": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "query,score.m\na,1\nb,nan\nc\nd,NaN\n"),
        ("t.jsonl", '\ufeff{"query": "a", "score.m": 1}\n{"query": "b", "score.m": NaN}\n'),
    ],
)
def test_a_table_is_read_alike_by_those_who_train_and_who_judge(
    name: str, content: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    reading, table = read_outcomes(path), OutcomeTable.read(path)
    assert reading.left_out == {}
    assert reading.table.queries == table.queries
    np.testing.assert_array_equal(reading.table.score, table.score)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.jsonl", b'{"query": "caf\xe9", "score.m": 1}', "cannot be read as UTF-8 text"),
        ("t.json", b'[{"query": "caf\xe9", "score.m": 1}]', "cannot be read as UTF-8 text"),
        ("t.json", b"[" * 200_000, r"t\.json is no JSON"),
        ("t.jsonl", b"[" * 200_000, r"t\.jsonl holds no records"),
        ("t.csv", b'query,score.m\n"a,1\nb,1\n', r"t\.csv, line \d is no CSV"),
        ("t.csv", b"query,score.m,score.m\na,1,0\n", r"several columns named score\.m"),
    ],
)
def test_files_that_would_be_read_wrongly_are_refused(
    name: str, content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_outcomes(tmp_path / name)


def test_routellm_responses(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "prompt,weak-8x7b,gpt-4,weak-8x7b_response,gpt-4_response\n"
        "2+2?,False,True,5,4\nHi,True,,Hello,\n",
        encoding="utf-8",
    )
    found = read_outcomes(path)
    assert found.format == "routellm"
    assert found.table.models == ("weak-8x7b", "gpt-4")
    assert score(found, "2+2?", "gpt-4") == 1
    assert score(found, "2+2?", "weak-8x7b") == 0
    assert math.isnan(score(found, "Hi", "gpt-4"))
    assert found.table.answers["gpt-4"][0] == "4"
    assert found.left_out == {"without a verdict": 1}


def test_routellm_says_which_columns_are_models(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("prompt,id,weak,gpt-4,label,gpt-4_response\na,x,0,1,1,4\n", encoding="utf-8")
    told = read_outcomes(path).explain()
    assert told.endswith("Columns taken for models: weak, gpt-4, label; not used: id")


@pytest.mark.parametrize("name", ["prompt", "question"])
def test_our_format_without_a_query_is_not_taken_for_another(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{name},score.a,score.b,cost.a\nx,1,0,0\ny,0,1,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"no column query.* it has {name}, score.a"):
        read_outcomes(path)


def test_routellm_pairs(tmp_path: Path) -> None:
    arena = {"model_a": "x", "model_b": "y", "conversation_a": [{"role": "user", "content": "one"}]}
    rows = [
        {**arena, "winner": "model_b"},
        {**arena, "conversation_a": [{"content": "two"}], "winner": "tie (bothbad)"},
        {
            "model_a": "x",
            "model_b": "z",
            "prompt": '["three"]',
            "winner_model_a": 0,
            "winner_model_b": 0,
            "winner_tie": 1,
            "response_a": "r",
        },
        {**arena, "winner": "nobody"},
        {**arena, "winner": ["model_a"]},
        {**arena, "model_b": "x", "winner": "tie"},
        {"query": "ours", "model_a": "x", "model_b": "y", "winner": "model_a", "split": "test"},
    ]
    found = read_outcomes(lines(tmp_path / "pairs.jsonl", rows))
    assert found.format == "routellm-pairs"
    assert (score(found, "one", "x"), score(found, "one", "y")) == (0, 1)
    assert (score(found, "two", "x"), score(found, "two", "y")) == (0, 0)
    assert (score(found, "three", "x"), score(found, "three", "z")) == (0.5, 0.5)
    assert math.isnan(score(found, "one", "z"))
    assert (score(found, "ours", "x"), score(found, "ours", "y")) == (1, 0)
    assert found.table.split("test").queries == ("ours",)
    assert found.left_out == {
        "without a known winner": 2,
        "that compare a model with itself": 1,
    }


def test_routerbench_wide(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `eval`")
    import pyarrow.parquet as parquet

    row = {
        "sample_id": "mmlu.1",
        "prompt": "p",
        "eval_name": "mmlu",
        "a": 1.0,
        "b": 0.25,
        "a|model_response": "A",
        "b|model_response": "B",
        "a|total_cost": 0.1,
        "b|total_cost": 0.01,
        "oracle_model_to_route_to": "a",
    }
    path = tmp_path / "rb.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([row, {**row, "prompt": "q", "a": None}]), path)
    found = read_outcomes(path)
    assert found.format == "routerbench"
    assert found.table.columns["dataset"] == ("mmlu", "mmlu")
    assert found.table.cost[0].tolist() == [0.1, 0.01]
    assert found.table.answers["b"] == ("B", "B")
    assert found.left_out == {"(of one model) without a score": 1}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("['What is \\'it\\'?\\nSay.']", "What is 'it'?\nSay."),
        ("['One.', \"Two's?\"]", "One.\nTwo's?"),
        ("['not closed", "['not closed"),
        ("[1, 2] is a list?", "[1, 2] is a list?"),
    ],
)
def test_routerbench_writes_prompts_as_lists(tmp_path: Path, written: str, meant: str) -> None:
    row = {"prompt": written, "a": 1, "a|total_cost": 0.1, "a|model_response": "['yes']"}
    table = read_outcomes(lines(tmp_path / "rb.jsonl", [row])).table
    assert (table.queries, table.answers["a"]) == ((meant,), ("yes",))


def test_llmrouterbench_folder_takes_the_latest_run(tmp_path: Path) -> None:
    record = {
        "index": 1,
        "origin_query": "q",
        "prompt": "Question: q",
        "score": 0.0,
        "cost": 0.1,
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "raw_output": "r",
        "ground_truth": "g",
    }
    run = {"dataset_name": "aime", "split": "test", "model_name": "m", "records": [record]}
    files = {
        "m/m-20250101_000000.json": run,
        "m/m-20250202_000000.json": {**run, "records": [{**record, "score": 1.0}]},
        "n/n-20250101_000000.json": {**run, "model_name": "n", "records": [record, {"index": 2}]},
        "d/d.json": {**run, "demo": True},
        "notes.json": {"hello": 1},
    }
    for name, told in files.items():
        path = tmp_path / "aime" / "test" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told), encoding="utf-8")
    found = read_outcomes(tmp_path)
    assert found.format == "llmrouterbench"
    assert (score(found, "q", "m"), score(found, "q", "n")) == (1, 0)
    assert found.table.columns["reference"] == ("g",)
    assert found.left_out == {
        "files that a later one replaces": 1,
        "files that hold no results": 1,
        "files of trial runs": 1,
        "without a query": 1,
    }
    assert read_outcomes(tmp_path / "aime/test/n/n-20250101_000000.json").table.models == ("n",)


def test_llmrouter(tmp_path: Path) -> None:
    row = {
        "task_name": "gsm8k",
        "query": "q",
        "model_name": "m",
        "performance": 0.5,
        "response": "r",
        "input_tokens": 9,
        "output_tokens": 4,
        "response_time": 1.5,
        "ground_truth": "g",
        "embedding_id": 0,
    }
    rows = [row, {**row, "model_name": "n", "performance": 1}, row, {**row, "query": None}]
    found = read_outcomes(lines(tmp_path / "r.jsonl", rows))
    assert found.format == "llmrouter"
    assert found.table.score.tolist() == [[0.5, 1.0]]
    assert found.table.measures["latency"].tolist() == [[1.5, 1.5]]
    assert found.left_out == {
        "a second outcome of the same model and query": 1,
        "without a query": 1,
    }


def test_one_query_in_two_data_sets_makes_two_rows(tmp_path: Path) -> None:
    names = ["one", "two", "one"]
    rows = [{**LINE, "task_name": name, "performance": i / 2} for i, name in enumerate(names)]
    found = read_outcomes(lines(tmp_path / "r.jsonl", rows))
    assert found.table.domains == ("one", "two")
    assert found.table.score.tolist() == [[0], [0.5]]
    assert found.left_out == {"a second outcome of the same model and query": 1}


def test_langsmith_runs(tmp_path: Path) -> None:
    serialised = {
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": {"content": "hi"},
    }
    run = {
        "id": "1",
        "run_type": "llm",
        "error": None,
        "total_cost": "0.002",
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "start_time": "2025-01-01T00:00:00",
        "end_time": "2025-01-01T00:00:02",
        "inputs": {"messages": [[serialised]]},
        "outputs": {"generations": [[{"text": "hello", "message": {}}]]},
        "extra": {"metadata": {"ls_model_name": "gpt-x"}},
        "feedback_stats": {"correct": {"n": 1, "avg": 1.0}, "style": {"n": 1, "avg": 0.2}},
    }
    text = {
        **run,
        "inputs": json.dumps({"input": "again"}),
        "feedback_stats": '{"correct": {"avg": 0}}',
    }
    text["end_time"] = "2025-01-01T01:00:03+01:00"  # beside a time that says no zone
    rows = [run, text, {**run, "run_type": "chain"}, {**run, "error": "boom"}, {**run, "extra": {}}]
    path = lines(tmp_path / "runs.jsonl", rows)
    with pytest.raises(DataError, match=r"several scores: 'correct' \(5\), 'style' \(4\)"):
        read_outcomes(path)
    with pytest.raises(DataError, match=r"no score 'nice'; there are 'correct' \(5\)"):
        read_outcomes(path, score="nice")
    found = read_outcomes(path, score="correct")
    assert found.format == "langsmith"
    assert (score(found, "hi", "gpt-x"), score(found, "again", "gpt-x")) == (1, 0)
    assert found.table.measures["latency"][:, 0].tolist() == [2, 3]
    assert found.table.cost[0, 0] == 0.002
    assert found.table.answers["gpt-x"][0] == "hello"
    assert found.left_out == {
        "that are no model calls": 1,
        "that ended in an error": 1,
        "without a model's name": 1,
    }
    styled = read_outcomes(tmp_path / "runs.jsonl", score="style")
    assert styled.left_out["without the feedback 'style'"] == 1


@pytest.mark.parametrize("snake", [False, True])
def test_langfuse_observations(tmp_path: Path, snake: bool) -> None:
    names = {
        "traceId": "trace_id",
        "calculatedTotalCost": "total_cost",
        "usageDetails": "usage_details",
        "model": "provided_model_name",
    }
    observation = {
        "id": "o1",
        "type": "GENERATION",
        "traceId": "t1",
        "model": "m",
        "latency": 0.5,
        "input": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "output": {"role": "assistant", "content": "hello"},
        "calculatedTotalCost": 0.01,
        "usageDetails": {"input": 5, "output": 2},
    }
    if snake:
        observation = {names.get(key, key): value for key, value in observation.items()}
        observation["input"] = json.dumps(observation["input"])
    rated = {
        "id": "s1",
        "name": "quality",
        "value": 0.75,
        names["traceId"] if snake else "traceId": "t1",
    }
    rows = [observation, rated, {**observation, "id": "o2", "type": "SPAN"}]
    found = read_outcomes(lines(tmp_path / "observations.jsonl", rows))
    assert found.format == "langfuse"
    assert score(found, "hi", "m") == 0.75
    assert found.table.cost[0, 0] == 0.01
    assert found.table.measures["in_tokens"][0, 0] == 5
    assert found.table.answers["m"] == ("hello",)
    assert found.left_out == {
        "that are scores, used with their observation": 1,
        "that are no model calls": 1,
    }


def test_which_of_several_langfuse_scores_counts_has_to_be_said(tmp_path: Path) -> None:
    observation = {"id": "o", "type": "GENERATION", "traceId": "t", "model": "m", "input": "hi"}
    scores = [{"name": "toxicity", "value": 0.1}, {"name": "helpful", "value": 1}]
    path = lines(tmp_path / "observations.jsonl", [{**observation, "scores": scores}])
    with pytest.raises(DataError, match=r"several scores: 'toxicity' \(1\), 'helpful' \(1\)"):
        read_outcomes(path)
    assert score(read_outcomes(path, score="helpful"), "hi", "m") == 1


def test_langfuse_traces_with_observations_inside(tmp_path: Path) -> None:
    inside = {"id": "o", "type": "GENERATION", "model": "m", "input": "hi", "output": "yo"}
    trace = {
        "id": "t",
        "scores": [{"name": "ok", "value": True, "traceId": "t"}],
        "observations": [inside, "id only"],
    }
    path = tmp_path / "traces.json"
    path.write_text(json.dumps([trace]), encoding="utf-8")
    found = read_outcomes(path)
    assert score(found, "hi", "m") == 1
    assert (found.records, found.left_out) == (
        2,
        {"that name an observation without its content": 1},
    )


def test_openai_logs(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    answer = {
        "choices": [{"message": {"content": "hello"}}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 1},
    }
    rows = [
        {"request": {"model": "m", "messages": messages}, "response": answer, "score": True},
        {
            "messages": [{"role": "user", "content": "two"}],
            "model": "n",
            **answer,
            "metadata": {"score": 0.5},
        },
        {
            "body": {"model": "m", "messages": messages},
            "response": {"body": answer},
            "custom_id": "x",
        },
        {
            "request": {"model": "m", "messages": []},
            "response": {"error": {"code": 500}},
            "score": 1,
        },
    ]
    found = read_outcomes(lines(tmp_path / "log.jsonl", rows))
    assert found.format == "openai"
    assert (score(found, "hi", "m"), score(found, "two", "n")) == (1, 0.5)
    assert found.table.measures["out_tokens"][0, 0] == 1
    assert found.left_out == {"without a score": 1, "that ended in an error": 1}
    with pytest.raises(
        DataError, match=r"no record has the field 'rating'; there are .*score \(of m"
    ):
        read_outcomes(tmp_path / "log.jsonl", score="rating")


def responses_log(text: str = "4, I think", **others: Any) -> dict[str, Any]:
    """What OpenAI's Responses API answers with; the order of items and their fields is its own."""
    thought = {"type": "reasoning_text", "text": "two and two"}
    said = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": "resp_1", "object": "response", "created_at": 1750766212, "status": "completed",
        "error": None, "incomplete_details": None, "instructions": None, "model": "m-2025-04-14",
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": [], "content": [thought]},
            {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "add",
             "arguments": "{}", "status": "completed"},
            {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
             "content": [said]},
        ],
        "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 64},
                  "total_tokens": 123},
        "metadata": {}, **others,
    }  # fmt: skip


def test_logs_of_the_responses_api(tmp_path: Path) -> None:
    parts = [{"type": "input_image", "image_url": "data:"}, {"type": "input_text", "text": "2+2?"}]
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "user", "content": parts},
        {"type": "reasoning", "id": "rs_0", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "4"},
    ]
    failed = responses_log(status="failed", error={"code": "server_error", "message": "sorry"})
    rows = [
        {"request": {"model": "m", "input": items}, "response": responses_log(), "score": 1},
        {"input": "alone", **responses_log(metadata={"score": "0.5"})},
        {"custom_id": "x", "method": "POST", "url": "/v1/responses", "score": 0,
         "body": {"model": "n", "input": "alone"}, "response": {"body": responses_log("no")}},
        {"request": {"model": "m", "input": "x"}, "response": failed, "score": 0},
    ]  # fmt: skip
    found = read_outcomes(lines(tmp_path / "log.jsonl", rows))
    assert found.format == "openai"
    assert score(found, "2+2?", "m") == 1
    assert score(found, "alone", "m-2025-04-14") == 0.5, "that of its own metadata"
    assert score(found, "alone", "n") == 0
    assert found.left_out == {"that ended in an error": 1}
    table = found.table
    row, column = table.queries.index("2+2?"), table.models.index("m")
    assert table.answers["m"][row] == "4, I think", "thoughts and calls are no answer"
    assert table.measures["in_tokens"][row, column] == 36
    assert table.measures["out_tokens"][row, column] == 87
    assert table.columns["query_id"][table.queries.index("alone")] == "resp_1"


def test_costs_in_logs_of_gateways(tmp_path: Path) -> None:
    base = {"messages": [{"role": "user", "content": "hi"}], "score": 1}
    answer: dict[str, Any] = {"choices": [{"message": {"content": "hello"}}]}
    rows = [
        {**base, "model": "litellm", "response": answer, "response_cost": 0.001},
        {**base, "model": "openrouter", "response": {**answer, "usage": {"cost": 0.002}}},
        {**base, "model": "own", **answer, "cost": 0.003, "response_cost": 9},
    ]
    found = read_outcomes(lines(tmp_path / "log.jsonl", rows)).table
    told = dict(zip(found.models, found.measures["cost"][0], strict=True))
    assert told == {"litellm": 0.001, "openrouter": 0.002, "own": 0.003}


def test_litellm_logs_say_costs_and_seconds(tmp_path: Path) -> None:
    row = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "response": {"choices": [{"message": {"content": "hello"}}]},
        "response_cost": 0.25,
        "response_time": 2.0,
        "metadata": {"score": 1},
    }
    found = read_outcomes(lines(tmp_path / "log.jsonl", [row]))
    assert score(found, "hi", "m") == 1
    assert (found.table.cost[0, 0], found.table.measures["latency"][0, 0]) == (0.25, 2.0)


def test_which_score_counts_is_not_said_of_scores_without_names(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", [{"query": "a", "score.m": 1}])
    with pytest.raises(DataError, match=r"leave 'helpful' out .*langsmith, langfuse, openai"):
        read_outcomes(path, score="helpful")


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "table"])
def test_what_is_of_another_format_than_said_is_counted_not_a_crash(
    tmp_path: Path, format: str
) -> None:
    path = lines(tmp_path / "t.jsonl", [{"query": "a", "score.m": 1}])
    with pytest.raises(DataError):
        read_outcomes(path, format)


def test_pickles_are_refused_unread(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("the pickle was loaded",))

    path = tmp_path / "routerbench_0shot.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="is a pickle, and reading one runs whatever code"):
        read_outcomes(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.jsonl", '{"a": 1}', "of no format we know"),
        ("x.jsonl", "", "holds no records"),
        ("x.json", "{", "is no JSON"),
        ("x.txt", "a", "ends in none of"),
        ("x.jsonl", '{"run_type": "chain"}', "1 that are no model calls"),
        ("x.csv", "query,score.m\na,70%", r"no row can be used.* score\.m is '70%'"),
        ("x.csv", " query , score.m \na,1", r"first record has ' query ', ' score\.m '"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        read_outcomes(path)
    with pytest.raises(DataError, match="no format 'odd'; there are table"):
        read_outcomes(path, format="odd")
    with pytest.raises(DataError, match="no file"):
        read_outcomes(tmp_path / "nothing.csv")


def test_every_format_is_named() -> None:
    assert len(set(FORMATS)) == len(FORMATS) == 9


def test_an_observations_own_score_counts_before_its_traces(tmp_path: Path) -> None:
    made = {"type": "GENERATION", "traceId": "t", "model": "m", "output": "yo"}
    rows = [
        {**made, "id": "own", "input": "rated", "costDetails": {"input": 0.1, "total": 0.3}},
        {**made, "id": "o", "input": "not rated", "calculatedTotalCost": 0, "level": "DEFAULT"},
        {**made, "id": "broken", "input": "failed", "level": "ERROR"},
        {"name": "seldom", "value": 0, "traceId": "t"},
        {"name": "usual", "value": 1, "traceId": "t"},
        {"name": "usual", "value": 0.25, "observationId": "own", "traceId": "t"},
    ]
    found = read_outcomes(lines(tmp_path / "t.jsonl", rows), score="usual")
    assert (score(found, "rated", "m"), score(found, "not rated", "m")) == (0.25, 1)
    assert found.table.cost[:, 0].tolist() == [0.3, 0]
    assert found.left_out["that ended in an error"] == 1


def test_runs_without_the_feedback_that_counts_are_told(tmp_path: Path) -> None:
    run = {"run_type": "llm", "extra": {"invocation_params": {"model": "m"}}}
    told = [{"seldom": {"avg": 0}}, {"usual": {"avg": 0.5}}, {"usual": {"avg": 1}, "late": None}]
    rows = [
        {**run, "inputs": {"input": f"q{i}"}, "feedback_stats": one} for i, one in enumerate(told)
    ]
    found = read_outcomes(lines(tmp_path / "runs.jsonl", rows), score="usual")
    assert found.table.score.tolist() == [[0.5], [1]]
    assert found.left_out == {"without the feedback 'usual'": 1}


def test_of_a_chat_the_last_that_the_user_said_counts_and_all_parts_of_it(tmp_path: Path) -> None:
    parts = [
        {"type": "text", "text": "Look."},
        {"type": "image_url"},
        {"type": "text", "text": "?"},
    ]
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
    row = {"model": "m", "choices": [], "metadata": {"score": 1, "latency": 2.5, "cost": 0.1}}
    rows = [{**row, "messages": [*chat, {"role": "user", "content": parts}]}]
    table = read_outcomes(lines(tmp_path / "log.jsonl", rows)).table
    assert table.queries == ("Look.\n?",)
    assert (table.measures["latency"].item(), table.cost.item()) == (2.5, 0.1)


def test_who_won_is_one_or_nobody(tmp_path: Path) -> None:
    row = {"prompt": "q", "model_a": "x", "model_b": "y", "winner_model_a": 1, "winner_tie": 0}
    rows = [{**row, "winner_model_b": both} for both in (0, 1)]
    found = read_outcomes(lines(tmp_path / "pairs.jsonl", rows))
    assert found.table.score.tolist() == [[1, 0]]
    assert found.left_out == {"without a known winner": 1}


@pytest.mark.parametrize("answer", [42, ["no", "text"], {"text": "x"}, None])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "a": 1, "b": 0, "a_response": ...},
        {"prompt": "q", "a": 1, "a|model_response": ..., "a|total_cost": 0},
        {"query": "q", "model_name": "a", "performance": 1, "response": ...},
        {"prompt": "q", "model_a": "a", "model_b": "b", "winner": "tie", "response_a": ...},
    ],
    ids=["routellm", "routerbench", "llmrouter", "pairs"],
)
def test_an_answer_that_is_no_text_is_none(row: Any, answer: Any, tmp_path: Path) -> None:
    told = {name: answer if value is ... else value for name, value in row.items()}
    assert read_outcomes(lines(tmp_path / "t.jsonl", [told])).table.answers == {}


@pytest.mark.parametrize("name", ["records", "runs", "observations", "traces", "data", "rows"])
def test_records_may_stand_in_an_object(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    row = {"query": "q", "model_name": "m", "performance": 1}
    path.write_text(json.dumps({"version": 2, name: [row, row | {"query": "r"}]}), "utf-8")
    assert read_outcomes(path).table.queries == ("q", "r")
