"""The page in a real browser: silent, off-line, alive under the pointer, readable on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_core import KNNRouter, OutcomeTable, Plan, Report, study
from shared_core.evaluation.splits import train_and_test

EVIL = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@dataclass
class Opened:
    """A page, and what it complained of and asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def report(table: OutcomeTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables, three models and two; a router with a knob and one without.

    Over two models there is one more, which never takes the better one.
    """
    evil = replace(table, queries=tuple(f"{text} {EVIL}" for text in table.queries))
    studies = []
    for one, name in ((evil, "three/models.csv"), (table.of(("small", "large")), "two/models.csv")):
        train, test, _ = train_and_test(one)
        plain: dict[str, Any] = {"always": lambda texts: ["large"] * len(texts)}
        if name == "two/models.csv":
            plain["worst"] = lambda texts: np.tile([0.9, 0.1], (len(texts), 1))
        studies.append(
            study({"knn": KNNRouter}, train, test, data=name, plan=Plan(seeds=2), others=plain)
        )
    folder = tmp_path_factory.mktemp("report")
    Report(studies, [{"split": "by hand"}] * 2).write(folder, pictures=False)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(params=[(1180, "light"), (390, "dark")], ids=["desk", "phone, dark"])
def opened(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Opened]:
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    found = Opened(page)
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda asked: found.requests.append(asked.url))
    page.goto(report.as_uri())
    yield found
    page.close()


@pytest.mark.slow
def test_it_is_silent_and_asks_nobody(opened: Opened, report: Path) -> None:
    page = opened.page
    for number in (1, 0):
        page.locator("#tables button").nth(number).click()
        page.wait_for_timeout(50)
    assert opened.complaints == []
    assert opened.requests == [report.as_uri()]
    assert page.evaluate("window.broken") is None  # a query cannot become code
    assert EVIL[:9] in page.locator(".example q").first.inner_text()


@pytest.mark.slow
def test_charts_answer_a_click_and_a_key(opened: Opened) -> None:
    page = opened.page
    detail = page.locator("#cost-quality-detail")
    assert "No point chosen" in detail.inner_text()
    page.locator("#cost-quality .hit[aria-label='knn, operating point']").click(force=True)
    told = detail.inner_text()
    assert "knn, operating point" in told
    assert "per 1,000 queries" in told
    oracle = page.locator("#cost-quality .hit[aria-label='oracle']")
    oracle.focus()
    page.keyboard.press("Enter")
    assert "knows every outcome" in detail.inner_text()
    assert page.locator("#cost-quality .picked").count() == 1
    before = page.locator("#cost-quality .hit").count()
    page.get_by_role("button", name="knn").first.click()
    assert page.locator("#cost-quality .hit").count() < before
    page.locator("#calibration .hit").first.click(force=True)
    assert "predicted" in page.locator(".detail").nth(1).inner_text()
    assert opened.complaints == []


@pytest.mark.slow
def test_it_reads_well_at_its_width(opened: Opened) -> None:
    page = opened.page
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    svg = "[...document.querySelectorAll('main svg')]"
    scales = page.evaluate(f"{svg}.map(s => s.clientWidth / s.viewBox.baseVal.width)")
    assert 12.5 * min(scales) >= 11.5  # pixels of a chart's text
    buttons = page.evaluate("[...document.querySelectorAll('button')].map(b => b.clientHeight)")
    assert min(buttons) >= 32
    style = "(e, n) => getComputedStyle(e)[n]"
    ink = page.locator("body").evaluate(style, "color")
    ground = page.locator(".card").first.evaluate(style, "backgroundColor")
    quiet = page.locator(".quiet").first.evaluate(style, "color")
    against = _luminance(ground)
    assert _contrast(_luminance(ink), against) >= 7
    assert _contrast(_luminance(quiet), against) >= 4.5


@pytest.mark.slow
def test_names_of_rows_are_no_column_of_letters(opened: Opened) -> None:
    cells = "[...document.querySelectorAll('td:first-child')]"
    assert min(opened.page.evaluate(f"{cells}.map(c => c.clientWidth)")) >= 100


@pytest.mark.slow
def test_marks_and_names_are_told_as_they_are(opened: Opened) -> None:
    js = opened.page.evaluate
    assert js("[0, 0.25, 0.5].map((v, _, all) => plain(1)(v, all))") == ["0.00", "0.25", "0.50"]
    assert js("[0, 0.2, 0.4].map((v, _, all) => plain(1)(v, all))") == ["0.0", "0.2", "0.4"]
    assert js("[0.01, 0.1, 1].map((v, _, all) => usdMark(v, all))") == ["$0.01", "$0.10", "$1.00"]
    assert js("[1e-9, 2e-9].map((v, _, all) => usdMark(v, all))") == ["$1.00e-9", "$2.00e-9"]
    assert js("percent(-1e-9)") == "0.0 %"
    assert js("percent(-0.019)") == "-1.9 %"
    ends = js("short('accounts/fireworks/models/llama-v3p1-70b-instruct', 21)")
    assert ends == "accounts/f…b-instruct"


@pytest.mark.slow
def test_what_the_best_models_quality_takes_is_told_of_whom_it_concerns(opened: Opened) -> None:
    opened.page.locator("#tables button").nth(1).click()
    told = {}
    for name in ("knn", "always", "worst"):
        opened.page.get_by_role("button", name=name, exact=True).last.click()
        told[name] = opened.page.locator(".tiles").inner_text().replace("\n", " ")
    assert "saved at the best model's quality" not in told["always"]
    saved = r"-?\d+ to \d+ % saved at the best model's quality \(95 % interval\)"
    assert re.search(saved, told["knn"])
    assert "out of reach saved at the best model's quality" in told["worst"]
    assert "out of reach" in opened.page.locator("tr", has_text="worst").first.inner_text()


@pytest.mark.slow
def test_two_models_have_their_own_chart(opened: Opened) -> None:
    page = opened.page
    assert page.locator("#calls").count() == 0
    page.locator("#tables button").nth(1).click()
    assert page.locator("#calls path").count() >= 3
    assert "APGR" in page.locator("main").inner_text()
    page.get_by_role("button", name="always").last.click()
    assert "always" in page.locator("#traffic").locator("xpath=..").inner_text()


def _luminance(colour: str) -> float:
    """Relative luminance of ``rgb(…)``, as WCAG defines it."""
    parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
    channels = np.array([float(part) for part in parts]) / 255
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)
