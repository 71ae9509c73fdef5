"""The pages in a real Chromium: nothing is loaded, nothing breaks, what is promised works, and anyone can use it."""

from __future__ import annotations

import csv
import importlib.resources
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.record.schema import RunRecord
from harness.record.store import write_record
from harness.record.suite import SuiteRecord, SuiteRunPart
from harness.report.facts.suite import suite_text
from harness.report.html import suite_page
from harness.report.html.index_page import write_index
from harness.report.html.report_page import render
from tests.report import records, synthetic
from tests.report.precisions import precisions

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ATTACK = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>\u202e"\' ' + "W" * 400
NAMES = [f"animal {number}" for number in range(1001)]

pytestmark = pytest.mark.slow


def _chromium() -> str:
    """Return the browser; without one the tests skip, and on a CI machine that is a failure."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    missing = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
    if path and not missing:
        return path
    lacking = ", ".join([*([] if path else ["Chromium (Debian: apt-get install chromium)"]), *missing])
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"the pages cannot be tested without {lacking}")
    pytest.skip(f"needs {lacking}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = _chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


class Visit:
    """An opened page, and whatever went wrong on it."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        settings = {"viewport": {"width": 1280, "height": 800}, "accept_downloads": True, "offline": True} | context
        self.page = browser.new_context(**settings).new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self.faults.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")
        self.address = path.as_uri()

    def check(self) -> None:
        """Check that nothing was said on the console and nothing was asked for but the file itself."""
        assert self.faults == []
        assert [url for url in self.requests if not url.startswith(("data:", "blob:"))] == [self.address]

    def serious_faults(self) -> list[str]:
        """Return what axe-core finds serious or critical."""
        self.page.evaluate((importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
        said = self.page.evaluate("axe.run()")
        assert len(said["passes"]) > 10  # it did look
        return [
            f"{fault['id']}: {fault['help']}: {node['html'][:200]}"
            for fault in said["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 300 images with pictures and two candidates that answer otherwise on a third of them."""
    folder = tmp_path_factory.mktemp("report")
    run, table = synthetic.run(300, candidates=2, flips=0.3)
    synthetic.write_images(folder / "val", table, size=48)
    path = folder / "report.html"
    path.write_text(render(synthetic.with_images(run, folder / "val"), table, NAMES), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Any, report: Path) -> Iterator[Visit]:
    opened = Visit(browser, report)
    yield opened
    opened.check()
    opened.page.context.close()


def _cards(page: Any) -> list[str]:
    return [text for text in page.locator("#cards .chip").all_inner_texts() if text]


def test_the_page_opens_with_its_pictures(visit: Visit) -> None:
    assert visit.page.locator("h1").inner_text().startswith("PASS")
    loaded = "Promise.all([...document.images].map((image) => image.decode())).then(() => true)"
    assert visit.page.evaluate(loaded)
    assert visit.page.evaluate("document.images.length") >= 12
    assert visit.page.locator("svg.chart").count() >= 10


def test_the_gallery_filters_by_change_class_and_candidate(visit: Visit) -> None:
    page = visit.page
    assert {text.split(",")[0] for text in _cards(page)} == {"broken"}  # the largest losses come first
    assert len(_cards(page)) == 12
    for kind in ("fixed", "changed"):
        page.select_option("#flip-kind", kind)
        assert {text.split(",")[0] for text in _cards(page)} == {kind}
    page.select_option("#flip-kind", "")
    label = page.locator("#flip-class option").nth(1).get_attribute("value")
    page.select_option("#flip-class", label)
    assert set(page.locator("#cards h3").all_inner_texts()) == {f"animal {label}"}
    page.select_option("#flip-class", "")
    page.click("#more-cards")
    assert len(_cards(page)) == 24
    page.select_option("#candidate", "1")
    assert page.locator("#flips-title").inner_text().endswith("cpu-01")
    assert page.locator("#cards .guesses h4").nth(1).inner_text() == "cpu-01"
    assert page.locator("[data-candidate='0']").is_hidden()
    assert page.locator("[data-candidate='1']").is_visible()


def test_a_click_shows_the_exact_pixels(visit: Visit) -> None:
    page = visit.page
    page.locator("#cards .picture").first.click()
    assert page.locator("dialog").is_visible()
    assert page.locator("#dialog-words").inner_text().startswith("The exact pixels")
    assert page.evaluate("document.querySelector('dialog img').naturalWidth") == 64
    assert "channel order RGB, (value - 127.5) / 127.5" in page.locator("dialog dl").inner_text()
    assert visit.serious_faults() == []
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


def test_a_hash_stands_shortened_and_is_copied_whole(visit: Visit) -> None:
    page = visit.page
    button = page.locator("#provenance .copy").first
    whole = button.get_attribute("data-copy")
    assert len(whole) == 64
    assert whole not in page.locator("#provenance").inner_text()
    cell = button.locator("xpath=..")
    button.click()
    page.wait_for_function(  # without a clipboard, the value is written out
        "([cell, whole]) => cell.innerText.includes('Copied') || cell.innerText.includes(whole)",
        arg=[cell.element_handle(), whole],
    )


def _column(page: Any, place: int) -> list[str]:
    found: list[str] = page.locator(f"#rows tr td:nth-child({place})").all_inner_texts()
    return found


def test_the_table_sorts_searches_and_pages(visit: Visit) -> None:
    page = visit.page
    heads = [text.split("\n")[0] for text in page.locator("#row-head th").all_inner_texts()]
    place = heads.index("tf confidence") + 1
    button = page.locator(f"#row-head th:nth-child({place}) button")
    button.click()
    rising = [float(text) for text in _column(page, place)]
    assert len(rising) == 50
    assert rising == sorted(rising)
    assert page.locator(f"#row-head th:nth-child({place})").get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    falling = [float(text) for text in _column(page, place)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > rising[-1]
    page.click("#page-on")
    assert page.locator("#row-count").inner_text() == "51 to 100 of 300 images"
    page.fill("#find", "00000042")
    page.locator("#rows tr").nth(1).wait_for(state="detached")
    assert _column(page, 1) == ["ILSVRC2012_val_00000042.JPEG"]
    page.fill("#find", "no such thing")
    page.locator("#rows tr").wait_for(state="detached")
    assert page.locator("#row-count").inner_text() == "0 images"


def test_the_table_saves_what_it_shows_as_csv(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.select_option("#row-kind", "broken")
    shown = page.locator("#row-count").inner_text()
    with page.expect_download() as found:
        page.click("#csv")
    found.value.save_as(tmp_path / "rows.csv")
    assert found.value.suggested_filename == "mobilenet-v2-1.0-224.csv"
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert shown.endswith(f"of {len(rows)} images")
    assert {row["change"] for row in rows} == {"broken"}
    assert float(rows[0]["loss"]) >= float(rows[-1]["loss"])
    assert rows[0]["label"].isdigit()


def test_everything_is_reached_by_keyboard(visit: Visit) -> None:
    page = visit.page
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    assert {"skip", "picture", "candidate", "flip-kind", "flip-class"} <= reached
    assert page.evaluate("document.activeElement !== document.body")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_serious_fault(browser: Any, report: Path, scheme: str, width: int) -> None:
    opened = Visit(browser, report, color_scheme=scheme, viewport={"width": width, "height": 844})
    assert opened.serious_faults() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.check()
    opened.page.context.close()


@pytest.mark.parametrize("name", ["bf16", "interrupted", "failed_to_run", "many_candidates"])
def test_every_kind_of_verdict_is_readable(browser: Any, name: str, tmp_path: Path) -> None:
    run: RunRecord = getattr(records, name)()
    table = records.table(*(part.id for part in run.models if part.role == "candidate")) if run.models else None
    (tmp_path / "report.html").write_text(render(run, table), encoding="utf-8")
    for scheme in ("light", "dark"):
        opened = Visit(browser, tmp_path / "report.html", color_scheme=scheme)
        assert opened.serious_faults() == []
        opened.check()
        opened.page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_comparison_matrix_is_readable_and_fits(browser: Any, width: int, scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(precisions()), encoding="utf-8")
    opened = Visit(browser, path, color_scheme=scheme, viewport={"width": width, "height": 844})
    page = opened.page
    assert page.locator("#matrix tr.best th").inner_text() == "bf16"
    assert page.locator("#matrix .pairs td.number").count() == 6
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = "const box = document.querySelector('#matrix .scroll');"
    assert page.evaluate(f"(() => {{ {box} return box.scrollWidth > box.clientWidth; }})()") is False
    assert opened.serious_faults() == []
    opened.check()
    page.context.close()


def test_hostile_names_execute_nothing(browser: Any, tmp_path: Path) -> None:
    rows = [
        {"image_id": f"{ATTACK}{n}", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.25, 2, 0.25)}
        for n in range(3)
    ]
    rows.append({"image_id": "=1+1", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)})
    run = records.hostile().model_copy(
        update={
            "name": ATTACK,
            "models": (records.model("tf"), records.model("ir", device=ATTACK)),
            "comparisons": (records.comparison("ir", worst_image=ATTACK),),
            "gates": (records.gate(ATTACK, "ir", "fail", reason=ATTACK, measured={ATTACK: 1}, limit={ATTACK: 0}),),
            "config": {ATTACK: ATTACK, "reference": {"id": "tf", "input": {"color": ATTACK}}},
        }
    )
    path = tmp_path / "report.html"
    path.write_text(render(run, records.table(rows=rows), [ATTACK] * 1001), encoding="utf-8")
    opened = Visit(browser, path, viewport={"width": 390, "height": 844})
    page = opened.page
    page.locator("#cards .picture").first.click()
    page.keyboard.press("Escape")
    page.locator("svg.chart [data-tip]").first.hover()
    with page.expect_download() as found:
        page.click("#csv")
    found.value.save_as(tmp_path / "rows.csv")
    assert '"\'=1+1"' in (tmp_path / "rows.csv").read_text(encoding="utf-8")
    assert page.evaluate("window.hacked") is None
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.serious_faults() == []
    opened.check()
    page.context.close()


def test_a_picture_that_is_gone_is_a_placeholder(browser: Any, tmp_path: Path) -> None:
    run, table = synthetic.run(40, flips=0.5)
    path = tmp_path / "report.html"
    path.write_text(render(synthetic.with_images(run, tmp_path / "gone"), table), encoding="utf-8")
    opened = Visit(browser, path)
    assert opened.page.locator("#cards .picture").first.inner_text() == "image not available"
    opened.page.locator("#cards .picture").first.click()
    assert "could not be read" in opened.page.locator("#dialog-words").inner_text()
    opened.check()
    opened.page.context.close()


def test_fifty_thousand_images_open_and_sort_fast(browser: Any, tmp_path: Path) -> None:
    run, table = synthetic.run(50_000)
    path = tmp_path / "report.html"
    path.write_text(render(run, table), encoding="utf-8")
    opened = Visit(browser, path)
    assert opened.page.locator("#row-count").inner_text() == "1 to 50 of 50,000 images"
    ready = opened.page.evaluate("performance.now()")
    assert ready < 15_000  # a second on an idle machine
    opened.page.locator("#row-head button").first.click()
    assert _column(opened.page, 1)[0] == "ILSVRC2012_val_00000001.JPEG"
    opened.check()
    opened.page.context.close()


def test_a_page_prints_with_all_that_it_shows(browser: Any, report: Path) -> None:
    opened = Visit(browser, report)
    opened.page.emulate_media(media="print", color_scheme="dark")
    assert opened.page.locator("nav").is_hidden()
    assert opened.page.locator("#csv").is_hidden()
    assert opened.page.locator("#cards .flip").first.is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.page.pdf().startswith(b"%PDF")
    opened.check()
    opened.page.context.close()


def test_two_runs_of_the_index_stand_side_by_side(browser: Any, tmp_path: Path) -> None:
    for number, run in enumerate((records.record(), records.bf16(), records.record(name=ATTACK))):
        folder = tmp_path / f"net/{number}"
        folder.mkdir(parents=True)
        write_record(folder, run)
    for scheme in ("light", "dark"):
        opened = Visit(browser, write_index(tmp_path), color_scheme=scheme)
        page = opened.page
        assert page.locator("#compare").is_hidden()
        page.check(".choose[value='0']")
        page.check(".choose[value='1']")
        table = page.locator("#compare-rows").inner_text()
        assert "3.5e-06" in table
        assert "0.26" in table
        assert "evaluated" not in table  # the same in both
        page.check("#all-rows")
        assert "evaluated" in page.locator("#compare-rows").inner_text()
        page.check(".choose[value='2']")
        assert page.locator(".choose:checked").count() == 2
        head = page.locator(".sortable").first.locator("th", has_text="max |Δp|").first
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        shown = page.locator(".sortable").first.locator("tbody tr").all_inner_texts()
        assert ["3.5e-06" in text for text in shown] == [True, False]  # 0.26 is larger
        page.locator("details", has_text="Charts").first.evaluate("details => { details.open = true; }")
        page.check("input[name=axis][value=commit]")
        assert page.locator("[data-axis=time]").first.is_hidden()
        assert page.locator("[data-axis=commit]").first.is_visible()
        assert page.evaluate("window.hacked") is None
        assert opened.serious_faults() == []
        opened.check()
        page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_of_a_suite_is_readable(browser: Any, width: int, scheme: str, tmp_path: Path) -> None:
    parts = [SuiteRunPart(id="refused", config="a.yml", state="refused", exit_code=2, error=ATTACK)]
    for name, run in (("good", records.record()), ("bad", records.bf16()), ("many", records.many_candidates())):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, run)
        parts.append(SuiteRunPart(id=name, config="a.yml", state="done", exit_code=run.exit_code, seconds=1.0))
    suite = SuiteRecord(
        harness_version="1",
        name="nightly",
        suite_file="s.yml",
        started_utc="2026-01-01T00:00:00+00:00",
        status="complete",
        exit_code=2,
        runs=tuple(parts),
    )
    (tmp_path / "index.html").write_text(suite_page.render(suite_text(tmp_path, suite)), encoding="utf-8")
    opened = Visit(browser, tmp_path / "index.html", color_scheme=scheme, viewport={"width": width, "height": 844})
    assert opened.serious_faults() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("h1").inner_text().startswith("Suite nightly")
    opened.check()
    opened.page.context.close()
