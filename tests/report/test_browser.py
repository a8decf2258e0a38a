"""Pages in a real browser: nothing runs that should not, nothing is broken, and the answers are on the first screen."""

from __future__ import annotations

import json

import pytest

from analyzer.schema import TABLES
from analyzer.tables import Table
from tests.records import traffic
from tests.report.browser import needs_browser, probe_of, probed, run
from tests.report.crowd import crowd
from tests.report.test_page import hostile_tables, text_of

pytestmark = needs_browser

NAMES = [f"user{n}@example.test" for n in range(500)]
PAGES = {
    "traffic": (traffic, {}),
    "arabic": (traffic, {"lang": "ar"}),
    "hostile": (hostile_tables, {}),
    "hostile-arabic": (hostile_tables, {"lang": "ar"}),
    "none": (lambda: {name: Table.empty(name) for name in TABLES}, {}),
    "one": (lambda: crowd(1, NAMES), {}),
    "hundred": (lambda: crowd(100, NAMES), {}),
    "million": (lambda: crowd(1_000_000, NAMES), {}),
}


def opened(text, folder, *options, more="", anchor=""):
    """Open a page; gives what its probe says."""
    file = folder / "page.html"
    file.write_text(probed(text, more), encoding="utf-8")
    return json.loads(probe_of(run(file, folder / "profile", "--dump-dom", *options, anchor=anchor)))


@pytest.mark.parametrize("name", PAGES)
def test_page(name, tmp_path):
    """A page has no duplicate id, no broken link, no nameless picture, nothing from outside, no foreign script."""
    make, options = PAGES[name]
    got = opened(text_of(make(), **options), tmp_path, "--window-size=1280,900")

    assert got["duplicates"] == []
    assert got["broken"] == []
    assert got["unnamed"] == 0
    assert (got["pictures"] > 3) == (name != "none")
    assert got["outside"] == 0
    assert got["wide"] == []
    assert not got["hacked"]
    assert got["direction"] == ("rtl" if "lang" in options else "ltr")
    assert 0 < got["first"] < 900  # the menu below the answers: the answers are on the first screen


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_narrow(lang, tmp_path):
    """On the screen of a phone nothing stands out at the side."""
    got = opened(text_of(traffic(), lang=lang), tmp_path, "--window-size=500,900")

    assert got["wide"] == []


def test_dark(tmp_path):
    """Who prefers dark gets a dark page."""
    light = opened(text_of(traffic()), tmp_path)
    dark = opened(text_of(traffic()), tmp_path, "--blink-settings=preferredColorScheme=0")

    assert (light["paper"], dark["paper"]) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")


def test_rows_open(tmp_path):
    """A link to rows opens them."""
    told = """<script>addEventListener("load", () => {
        window.told = {open: document.getElementById("rows-1").open, closed: document.getElementById("rows-2").open};
    });</script>"""

    got = opened(text_of(traffic()), tmp_path, more=told, anchor="#rows-1")
    assert (got["open"], got["closed"]) == (True, False)


def test_tables_sort(tmp_path):
    """The head of a column sorts its rows: numbers as numbers, first the greatest, then the least."""
    told = """<script>addEventListener("load", () => {
        const table = document.querySelector("#client + .scroll table");
        const numbers = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
        const [count, client] = [table.tHead.rows[0].cells[0], table.tHead.rows[0].cells[4]];
        const press = (head) => { head.querySelector("button").click(); return numbers(); };
        window.told = {down: press(count), up: press(count), name: press(client), state: client.ariaSort};
    });</script>"""

    got = opened(text_of(crowd(3000, NAMES, clients=40)), tmp_path, more=told)
    numbers = sorted(map(int, got["down"]), reverse=True)
    assert [*map(int, got["down"])] == numbers
    assert [*map(int, got["up"])] == numbers[::-1]
    assert got["state"] == "descending"


def test_script_is_the_one_of_the_policy(tmp_path):
    """With the page's own policy its script runs, and one that got into the page does not."""
    file = tmp_path / "page.html"
    text = text_of(traffic())
    file.write_text(text.replace("<main", "<script>document.title = 'hacked'</script><main"), encoding="utf-8")
    dom = run(file, tmp_path / "profile", "--dump-dom")

    assert '<th scope="col" class="number"><button type="button">' in dom
    assert "<title>hacked" not in dom


def test_print(tmp_path):
    """A page prints."""
    file, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    file.write_text(text_of(traffic()), encoding="utf-8")
    run(file, tmp_path / "profile", f"--print-to-pdf={pdf}")

    assert pdf.read_bytes().startswith(b"%PDF")
