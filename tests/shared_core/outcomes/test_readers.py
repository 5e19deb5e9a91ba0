from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from beside import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_core import DataError, MissingExtra, OutcomeTable, read_outcomes

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
tables = st.lists(
    st.fixed_dictionaries(
        {
            "query": texts.map(lambda text: f"q{text}"),
            "score.a": st.floats(0, 1),
            "score.b": st.none() | st.floats(0, 1),
            "answer.a": texts.map(lambda text: f"a{text}"),
        }
    ),
    min_size=1,
    max_size=4,
)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows in the format of the path's suffix."""
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `eval`")
        parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `eval`")
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def assert_equal(read: OutcomeTable, expected: OutcomeTable) -> None:
    """The same queries, scores and answers."""
    assert (read.models, read.queries, read.answers) == (
        expected.models, expected.queries, expected.answers,
    )  # fmt: skip
    np.testing.assert_array_equal(read.score, expected.score)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=tables)
def test_every_format_holds_the_same_table(
    suffix: str, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = write(tmp_path / f"outcomes{suffix}", rows)
    assert_equal(OutcomeTable.read(path), OutcomeTable.from_rows(rows))
    assert_equal(OutcomeTable.read(str(path)), OutcomeTable.from_rows(rows))


GOOD = b'{"query": "x", "score.a": 1}\n'


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.jsonl", GOOD + b"{", r"t\.jsonl has records that are no JSON objects: line 2, "),
        ("t.jsonl", GOOD + b"\n7", r"no JSON objects: line 3$"),
        ("t.jsonl", GOOD + b"[" * 200_000, "are no JSON objects: line 2, "),
        ("t.jsonl", GOOD + b'{"query": "\xff"}', r"t\.jsonl cannot be read as UTF-8 text"),
        ("t.jsonl", b"", "it has no columns"),
        ("t.jsonl", b'{"query": "x", "score": {"a": 1}}', "it has query, score"),
        ("t.jsonl", b'{"query": "x", "score.a": Infinity}', r"score\.a lies outside 0\.\.1"),
        ("t.csv", b"", "it has no columns"),
        ("t.csv", b'query,score.a\n"x,1\n', r"t\.csv, line \d is no CSV"),
        ("t.csv", b"query,score.a\nx,1,2\n", "more fields than the first line names: number 1"),
        ("t.csv", b"query,score.a\n\xff,1\n", "cannot be read as UTF-8 text"),
        ("t.csv", b"query,score.a\nx,good\n", r"column score\.a of .* no number"),
        ("t.csv", b"query,score.a,score.a\nx,1,0\n", r"several columns named score\.a"),
        ("t.csv", b"query,score.a,out_tokens.a\nx,1,-5\n", r"out_tokens\.a lies outside 0\.\.inf"),
        ("t.csv", b"query;score.a\nx;1.000,5\n", r"column score\.a of .* no number"),
        ("t.csv", b'query,score.a\nx,"0,5"\n', r"column score\.a of .* no number"),
        ("t.json", b"[7]", r"t\.json has records that are no JSON objects: number 1"),
        ("t.json", b"[", r"t\.json is no JSON"),
        ("t.parquet", b"", r"t\.parquet cannot be read as parquet"),
        ("t.parquet", b"PAR1 and then something else", r"t\.parquet cannot be read as parquet"),
        ("t.txt", GOOD, r"t\.txt ends in none of \.parquet, \.csv, \.jsonl"),
    ],
    ids=lambda value: repr(value[:24]),
)  # fmt: skip
def test_broken_files_are_told(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        OutcomeTable.read(tmp_path / name)


@pytest.mark.parametrize("read", [OutcomeTable.read, read_outcomes])
def test_no_file_and_a_folder_are_told(read: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="no file"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="folder is a folder"):
        read(tmp_path / "folder")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_of_a_country_with_decimal_commas(separator: str, tmp_path: Path) -> None:
    rows = [
        "query,split,score.a,cost.a",
        '"10,5 or 7; which?",train,"0,5","1,25e-06"',
        "b,test,1,0",
    ]
    cells = list(csv.reader(rows))
    path = tmp_path / "pasta de trabalho.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as lines:
        csv.writer(lines, delimiter=separator).writerows(cells)
    for table in (OutcomeTable.read(path), read_outcomes(path).table):
        assert table.queries == ("10,5 or 7; which?", "b")
        assert table.score.tolist() == [[0.5], [1.0]]
        assert table.cost.tolist() == [[1.25e-06], [0.0]]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_line_that_names_the_separator_is_passed_over(first: str, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_bytes(f"\ufeff{first}\r\nquery;score.a\r\nolá;0,5\r\n".encode())
    for table in (OutcomeTable.read(path), read_outcomes(path).table):
        assert table.queries == ("olá",)
        assert table.score[0, 0] == 0.5


def test_a_truncated_parquet_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", [{"query": "x", "score.a": 1.0}] * 50)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="parquet"):
            OutcomeTable.read(path)


@pytest.mark.parametrize(
    ("name", "kind", "value", "told"),
    [
        ("query", "binary", b"a", "query in row 0 of .* is no text but a bytes"),
        ("query", "string", b"\xff", "column query of .* holds what cannot be read"),
        ("when", "timestamp", 2**60, "column when of .* holds what cannot be read"),
    ],
)
def test_parquet_that_python_cannot_hold_is_told(
    name: str, kind: str, value: Any, told: str, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra `eval`")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `eval`")
    types = {"binary": pa.binary(), "string": pa.string(), "timestamp": pa.timestamp("us")}
    raw = pa.array([value], pa.int64() if kind == "timestamp" else pa.binary())
    column = pa.Array.from_buffers(types[kind], 1, raw.buffers())
    table = pa.table({"query": ["a"], "score.a": [1.0]} | {name: column})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=told):
        OutcomeTable.read(tmp_path / "t.parquet")
    with pytest.raises(DataError):
        read_outcomes(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", "query,score.a\nx,1\n"), ("t.jsonl", '{"query": "x", "score.a": 1}\n')],
)
def test_a_byte_order_mark_is_no_part_of_the_data(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    assert OutcomeTable.read(tmp_path / name).queries == ("x",)


def test_unknown_values_of_each_format(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"query": "x", "score.a": NaN}\n\n{"query": "y", "score.a": null}\n{"query": "z"}\n'
    )
    (tmp_path / "t.csv").write_text("query,score.a\nx,nan\ny,\nz\n")
    for name in ("t.jsonl", "t.csv"):
        table = OutcomeTable.read(tmp_path / name)
        assert table.queries == ("x", "y", "z")
        assert np.isnan(table.score).all()


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_scores_outside_their_range_are_refused_for_the_whole_file(
    name: str, tmp_path: Path
) -> None:
    pairs = [(1, 0.5), ("N/A", 1), (None, 85), (-0.1, 1.5)]
    rows = [{"query": "q", "score.a": a, "score.b": b} for a, b in pairs]
    if name == "t.parquet":
        rows[1]["score.a"] = None
    told = r"scores outside 0\.\.1: 3, the first in record 3, where score\.b is 85.* Rescale"
    with pytest.raises(DataError, match=told):
        read_outcomes(write(tmp_path / name, rows))


def test_a_csv_cell_may_span_lines_and_be_large(tmp_path: Path) -> None:
    text = 'a "quoted", long\r\ntext ' * 20_000
    path = write(tmp_path / "t.csv", [{"query": text, "score.a": 1}])
    assert OutcomeTable.read(path).queries == (text,)


def test_a_csv_with_a_header_only_is_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("query,score.a\n")
    assert len(OutcomeTable.read(tmp_path / "t.csv")) == 0
    (tmp_path / "t.csv").write_text("query,split,score.a\n")
    with pytest.raises(DataError, match="the table has no rows"):
        OutcomeTable.read(tmp_path / "t.csv").split("train")


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (tmp_path / "t.parquet").write_bytes(b"")
    monkeypatch.delitem(sys.modules, "shared_core.outcomes.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'llmrouter-integrations\[eval\]'"):
        OutcomeTable.read(tmp_path / "t.parquet")


FILES = sorted(DATA.glob("*/outcomes.parquet"))


@pytest.mark.skipif(not FILES, reason="the data sets are not beside this checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_real_outcomes_are_read_as_they_are(path: Path) -> None:
    table = OutcomeTable.read(path)
    assert len(table) > 300
    assert len(table.models) >= 2
    assert np.isfinite(table.score).mean() > 0.5
    assert len(table.split("train")) + len(table.split("test")) <= len(table)


def test_columns_without_a_name_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",,query,score.a\n0,0,x,1\n", "utf-8")  # as a data frame's index is written
    assert OutcomeTable.read(path).score.tolist() == [[1.0]]
    assert read_outcomes(path).table.queries == ("x",)
