"""The report as text."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

Table = Mapping[str, Any]

_COLUMNS: Final = (
    ("quality", "quality", "{:.4f}"),
    ("cost", "USD", "{:.3g}"),
    ("aiq_range", "AIQ", "{:.4f}"),
    ("cost_at_best_single", "USD at best single's quality", "{:.3g}"),
    ("apgr", "APGR", "{:.3f}"),
    ("cpt50", "CPT 50 %", "{:.1f}"),
    ("cpt80", "CPT 80 %", "{:.1f}"),
    ("perf_gain", "PerfGain", "{:+.2%}"),
    ("cost_save", "CostSave", "{:.1%}"),
    ("gap_at_oracle", "Gap@Oracle", "{:.1%}"),
    ("ece", "ECE", "{:.3f}"),
    ("bert_sim", "BERTSim", "{:.3f}"),
)


def written(report: Mapping[str, Any], pictures: Sequence[str] = ()) -> str:
    """Markdown; pictures are linked by their paths, PNG only."""
    parts = ["# Routing report", f"{report['made_by']}, {report['date']}."]
    for number, table in enumerate(report["tables"], start=1):
        prefix = f"figures/{number}-" if len(report["tables"]) > 1 else "figures/"
        shown = [name for name in pictures if name.startswith(prefix) and name.endswith(".png")]
        parts += _of_table(table, shown)
    return "\n\n".join(parts)


def _of_table(table: Table, pictures: Sequence[str]) -> list[str]:
    parts = [f"## {_plain(table['data'])}"]
    parts.append(
        f"Fitted on {table['n_train']:,} queries, judged on {table['n_test']:,}; "
        "intervals are 95 %, by paired bootstrap over the queries. What it comes to is judged at "
        "settings that other queries of the test chose."
    )
    origin = [table[name] for name in ("read", "split") if table.get(name)]
    parts.append(_list([*origin, *table.get("notes", [])]))
    parts.append(_list(f"**{name}**: {told}" for name, told in table["verdicts"].items()))
    parts.append(_figures(table))
    speeds = table.get("decisions_per_second", {}).items()
    parts.append(_list(f"{name}: {each:,.0f} decisions a second" for name, each in speeds))
    parts += [f"![{name}]({name})" for name in pictures]
    parts += [_seeds(table), _budget(table), _domains(table), _held_out(table)]
    return [part for part in parts if part]


def _figures(table: Table) -> str:
    rows = {f"**{name}**": line for name, line in table["routers"].items()}
    for name, line in table["lines"].items():
        model = f": {line['model']}" if "model" in line else ""
        rows[f"{name.replace('_', ' ')}{model}"] = line
    columns = [c for c in _COLUMNS if any(line.get(c[0]) is not None for line in rows.values())]
    body = [[name, *(_cell(line, *column) for column in columns)] for name, line in rows.items()]
    return _table(["", *(title for _, title, _ in columns)], body)


def _cell(line: Table, key: str, _: str, pattern: str) -> str:
    value = line.get(key)
    if value is None:
        return "out of reach" if key == "cost_at_best_single" and key in line else ""
    ends = line.get("interval", {}).get(key)
    told = pattern.format(value)
    return f"{told} ({pattern.format(ends[0])} to {pattern.format(ends[1])})" if ends else told


def _seeds(table: Table) -> str:
    rows = [
        [
            name,
            str(len(each)),
            f"{min(each):.4f}",
            f"{sum(each) / len(each):.4f}",
            f"{max(each):.4f}",
        ]
        for name, each in table.get("by_seed", {}).items()
        if len(each) > 1
    ]
    titles = ["AIQ over seeds", "seeds", "least", "mean", "most"]
    return f"### Seeds\n\n{_table(titles, rows)}" if rows else ""


def _budget(table: Table) -> str:
    budget = table.get("budget", {})
    if not budget:
        return ""
    sizes = [size for size, _ in next(iter(budget.values()))]
    rows = [
        [name, *(f"{sum(each) / len(each):.4f}" for _, each in steps)]
        for name, steps in budget.items()
    ]
    zero = table["lines"]["zero"]["aiq_range"]
    told = f"AIQ after learning from so many queries; mixing models, without labels: {zero:.4f}."
    titles = ["training queries", *(f"{size:,}" for size in sizes)]
    return f"### Label budget\n\n{told}\n\n{_table(titles, rows)}"


def _domains(table: Table) -> str:
    rows = []
    for domain in table.get("domains", []):
        for name, line in domain["routers"].items():
            low, high = line["over_best_single"]
            best = domain["best_single"]["quality"]
            rows.append(
                [domain["domain"], f"{domain['n_test']:,}", name, f"{line['quality']:.4f}",
                 f"{best:.4f}", f"{low:+.4f} to {high:+.4f}", f"{domain['oracle']['quality']:.4f}"]
            )  # fmt: skip
    titles = ["domain", "queries", "router", "quality", "best single", "difference", "oracle"]
    return f"### By domain\n\n{_table(titles, rows)}" if rows else ""


def _held_out(table: Table) -> str:
    rows = [
        [
            one["domain"],
            f"{one['n_test']:,}",
            name,
            f"{line['aiq_range']:.4f}",
            f"{one['zero']:.4f}",
            f"{line['quality']:.4f}",
            f"{one['best_single']:.4f}",
            "{:+.4f} to {:+.4f}".format(*line["over_best_single"]),
        ]
        for one in table.get("held_out", [])
        for name, line in one["routers"].items()
    ]
    titles = ["domain never seen", "queries", "router", "AIQ", "AIQ mixing models", "quality",
              "best single", "difference"]  # fmt: skip
    return f"### Domains held out\n\n{_table(titles, rows)}" if rows else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _escaped(cell: str) -> str:
    return _plain(cell).replace("|", "\\|").replace("\n", " ")


def _list(items: Any) -> str:
    return "\n".join(f"- {_plain(item)}" for item in items)


def _plain(text: str) -> str:
    """Names and texts of others, in which no tag may work."""
    return html.escape(text, quote=False)
