"""Charts: on axes of one's own, in a page, and with what strangers wrote."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import analyzer
from analyzer.knowledge import languages, words
from analyzer.report.charts import Charts, attacks, counts, ladder, paint, sheet
from analyzer.report.charts.families import FAMILIES, NAMES, busiest, families
from analyzer.report.gather import gather
from analyzer.schema import TABLES
from analyzer.smtp import law
from analyzer.stats.facts import Facts
from analyzer.tables import Table
from tests.records import attempt, id_of, ms, rows
from tests.report.crowd import crowd
from tests.report.test_page import HOSTILE, hostile_tables

mpl.use("agg")

SAMPLES = Path(__file__).parents[2] / "samples"
NAMED = ("timeline", "rounds", "reasons", "hours", "thinking", "clients", "identities", "attacks")
FILL = {paint.colour(family): family for family in NAMES}


def axes():
    return Figure().add_subplot()


def bars(ax):
    """Give the bars of a chart: by the family of their colour, their sizes along the axis of numbers."""
    found = {}
    for container in ax.containers:
        for patch in container:
            size = patch.get_width() if container.orientation == "horizontal" else patch.get_height()
            found.setdefault(FILL[mpl.colors.to_hex(patch.get_facecolor())], []).append(size)
    return found


@pytest.mark.parametrize("name", NAMED)
def test_takes_and_gives_axes(tables, name):
    """A chart draws on the axes that it is given, gives them back, and has a title."""
    ax = axes()

    assert getattr(Charts(tables, dt.UTC), name)(ax) is ax
    assert ax.get_title(loc="left")
    assert ax.has_data() or ax.collections or ax.texts


@pytest.mark.parametrize("name", NAMED)
def test_nothing_to_draw(name):
    """Without attempts a chart says so."""
    tables = {name: Table.empty(name) for name in TABLES}
    ax = getattr(Charts(tables, dt.UTC), name)(axes())

    assert next(text.get_text() for text in ax.texts).endswith(".")


def test_own_figure(tables):
    """Without axes a chart makes a figure, which a notebook shows; settings of the user stay as they were."""
    from matplotlib import pyplot as plt

    before = dict(mpl.rcParams)
    ax = Charts(tables, dt.UTC).timeline()

    assert plt.get_fignums() == [ax.figure.number]
    plt.close(ax.figure)
    assert dict(mpl.rcParams) == before


def test_families():
    """Every outcome of the law has one family, and every family a colour."""
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(law.OUTCOMES)
    assert set(FAMILIES) <= set(paint.PALETTE)


@pytest.mark.parametrize("lang", languages())
def test_families_have_names_of_their_own(lang):
    """A family of several outcomes has not the name of one of them: a legend would count others as that one."""
    several = [words("report", lang)[f"family_{family}"] for family, outcomes in FAMILIES.items() if len(outcomes) > 1]

    assert not {*law.OUTCOMES, words("report", lang)["rejected"].casefold()} & {name.casefold() for name in several}


def test_timeline_counts(tables):
    """The bars over time are the attempts, by family."""
    got = bars(Charts(tables, dt.UTC).timeline(axes()))

    assert {family: sum(sizes) for family, sizes in got.items()} == {"rejected": 7, "succeeded": 2, "left": 1}


def test_rounds_of_a_mechanism(tables):
    """The table of rounds has the number of attempts in each cell."""
    ax = Charts(tables, dt.UTC).rounds(axes())

    assert [label.get_text() for label in ax.get_yticklabels()] == ["LOGIN", "PLAIN"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "?"]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "9"]


def test_clients(tables):
    """The clients stand in the order of their attempts, in pieces of what became of them."""
    ax = Charts(tables, dt.UTC).clients(axes())

    assert [label.get_text() for label in ax.get_yticklabels()] == ["192.0.2.66", "198.51.100.7"]
    assert bars(ax) == {"succeeded": [1, 1], "rejected": [7, 0], "left": [0, 1]}


def test_busiest_of_many():
    """Of very many names only the busiest are looked at; ties stand in alphabetic order."""
    facts = Facts(crowd(20_000, [f"u{n:03}" for n in range(300)]), dt.UTC)
    names, numbers, more = busiest(facts.auth.text("identity"), facts, 10)

    codes = facts.auth.text("identity").codes
    totals = np.bincount(codes)
    wanted = sorted(range(300), key=lambda code: (-totals[code], f"u{code:03}"))[:10]
    assert names[:9] == [f"u{code:03}" for code in wanted][:9]
    assert numbers.sum(axis=1).tolist() == totals[wanted].tolist()
    assert more == 290
    assert (numbers[0] == np.bincount(families(facts)[codes == wanted[0]], minlength=len(NAMES))).all()


def test_chart_and_table_of_one_name_show_the_same():
    """Of names with equally many attempts a chart shows those that the table beside it shows: the first by name."""
    made = [attempt(f"s{n}", "192.0.2.1", ms(n), "rejected", identity=f"u{40 - n}") for n in range(40)]
    tables = {name: Table.empty(name) for name in TABLES} | {"auth": rows("auth", *made)}
    names, _, more = busiest(tables["auth"].text("identity"), Facts(tables, dt.UTC), 10)

    assert names == [party.name for party in gather(tables, []).identities.shown[:10]]
    assert more == 30


def test_reasons_are_in_the_order_of_the_table(tables):
    """The chart of why attempts failed and the table of it have equal counts in one order."""
    endings = [("rejected", "throttled"), ("client_closed", None), ("cancelled", "cancelled"), ("unseen", None)]
    made = [attempt(f"s{n}", "192.0.2.1", ms(n), out, reason=why) for n, (out, why) in enumerate(endings)]
    tables["auth"] = rows("auth", *made)
    ax = Charts(tables, dt.UTC).reasons()

    assert [label.get_text() for label in ax.get_yticklabels()] == [why.name for why in gather(tables, []).causes]


@pytest.mark.parametrize("seconds", [0, 1, 71, 72, 3600, 86_400, 30 * 86_400, 3 * 365 * 86_400])
def test_steps(seconds):
    """Bars over time are of a width that people know, and not too many."""
    step = counts.step_of(1000, 1000 + seconds)

    assert seconds // step < 72
    assert step == 1 or 86_400 % step == 0 or step % 86_400 == 0


def test_hours_are_of_the_timezone(tables):
    """Hours and days are those of the timezone that was asked for."""
    charts = Charts(tables, None)

    for zone, hour in (("UTC", 11), ("Asia/Tokyo", 20)):
        ax = charts.in_timezone(zone).hours(axes())
        (patches,) = ax.collections
        columns = {round(path.get_extents().x0 + 0.47) for path in patches.get_paths()}
        assert columns == {hour}
        assert zone in ax.get_xlabel()


def test_attacks(tables):
    """An attack is a bar from its first to its last time, named, in the colour of its severity."""
    ax = Charts(tables, dt.UTC).attacks(axes())

    assert [text.get_text() for text in ax.texts] == [
        "password guessing from 192.0.2.66 (7)", "a guess that worked from 192.0.2.66 at bob (1)",
    ]  # fmt: skip
    (guessing,) = [patch for c in ax.containers for patch in c if patch.get_y() < 0.5]
    assert guessing.get_width() * 86_400 == pytest.approx(6, abs=0.01)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["high", "medium"]


def test_attacks_are_the_worst():
    """Of many findings the worst are drawn, and facts on servers are not."""
    many = [
        {"kind": "guessing", "severity": "medium", "at": ms(n), "last": ms(n + 9), "count": n} for n in range(40)
    ] + [
        {"kind": "break_in", "severity": "high", "at": ms(999), "last": ms(999), "count": 1},
        {"kind": "auth_in_clear", "severity": "info", "at": ms(1), "last": ms(2), "count": 99},
        {"kind": "guessing", "severity": "high", "at": None, "last": None, "count": 99},
    ]
    shown = attacks.timed(many)

    assert len(shown) == attacks.MOST
    assert [row["kind"] for row in shown][-1] == "break_in"
    assert {row["count"] for row in shown if row["kind"] == "guessing"} == set(range(29, 40))


def test_ladder(tables):
    """A conversation has an arrow a line, and says what it came to."""
    ax = Charts(tables, dt.UTC).ladder(id_of("Person00001"), axes())

    said = [text.get_text() for text in ax.texts if text.get_text()]
    assert "<password, 14 bytes>" in said
    assert "235 2.7.0 Authentication successful" in said
    assert any(text.startswith("attempt 1: LOGIN, 2 rounds, succeeded") for text in said)
    assert said[:2] == ["Client", "Server"]


def test_long_conversation():
    """Of a long conversation the first lines are drawn, and it is told that there are more."""
    name = "S"
    units = [{"session": name, "n": n, "at": ms(n), "verb": "NOOP", "code": 250, "text": "Ok"} for n in range(99)]
    tables = {each: Table.empty(each) for each in TABLES}
    tables["exchanges"] = rows("exchanges", *units)
    tables["sessions"] = rows("sessions", {"session": name, "first": ms(0)})
    drawn, lines = sheet.conversation(tables, id_of(name), words("report", "en"))

    assert lines == ladder.MOST
    assert drawn.count("NOOP") == ladder.MOST // 2


def drawn_of(tables):
    return sheet.charts(tables, gather(tables, ["mail.pcap"]), dt.UTC, words("report", "en"))


@pytest.mark.parametrize("make", [hostile_tables, lambda: crowd(500, HOSTILE)])
def test_svg(make):
    """A chart of a page is well-formed and named, its colours are the page's, its text is text, its ids its own."""
    made = drawn_of(make())
    ids = [name for chart in made for name in re.findall(r'\sid="([^"]*)"', chart.svg)]

    assert len(made) > 5
    assert len(ids) == len(set(ids))
    for chart in made:
        root = ET.fromstring(chart.svg.replace("xlink:href", "href"))
        tags = {element.tag for element in root.iter()}
        assert {"title", "desc", "text"} <= tags
        assert tags <= {"svg", "title", "desc", "text", "tspan", "g", "path", "defs", "clipPath", "rect", "use"}
        assert all(element.text for element in root if element.tag in ("title", "desc"))
        for element in root.iter():
            style = element.get("style", "")
            assert not re.search("#(?!ffffff)[0-9a-f]{6}", style), style
            assert "font:" not in style or "var(--font)" in style


def test_text_that_looks_like_markup_stays():
    """A name that is written like a colour, an id or a font is shown as it is."""
    ax_text = "".join(chart.svg for chart in drawn_of(crowd(500, ["#1b1f24", 'id="x" url(#y)', "font: 9px x"])))

    assert ">#1b1f24<" in ax_text
    assert ">font: 9px x<" in ax_text
    assert re.search(r">id=(\"|&quot;)x(\"|&quot;) url\(#y\)<", ax_text)


def test_alternative_text():
    """Who cannot see a chart is told its greatest numbers."""
    (timeline,) = [chart for chart in drawn_of(crowd(1000, ["bob"])) if chart.title.startswith("Attempts over time")]

    assert re.search(r"<desc id=\"timeline-told\">login refused: [78]\d\d, ", timeline.svg)
    (named,) = [chart for chart in drawn_of(crowd(100, ["$x$ <b>"])) if chart.title.startswith("Identities")]
    assert '<desc id="identities-told">$x$ &lt;b&gt;: 100</desc>' in named.svg


def test_library(tmp_path):
    """`trace.charts`, `session.ladder` and `trace.report` give charts and write the page; both show themselves."""
    trace = analyzer.read(SAMPLES / "first-look" / "capture.pcap")
    page = tmp_path / "out.html"
    trace.report(page, timezone="UTC")
    ax = axes()

    assert trace.charts.timeline(ax) is ax
    assert trace.session(2).ladder(axes()).texts
    assert "<b>10</b> AUTH attempts" in page.read_text("utf-8")
    shown = trace._repr_html_()
    assert "10 AUTH attempts" in shown
    assert "<td>5</td><td>rejected</td>" in shown
    conversation = trace.session(2)._repr_html_()
    assert "<svg" in conversation
    assert "<details>" in conversation
    assert "S3cr3t" not in conversation
