"""The report as a page: what is in it, and that it is safe and bounded."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from html.parser import HTMLParser

import pytest

from analyzer.knowledge import book, words
from analyzer.report import evidence
from analyzer.report.gather import gather
from analyzer.report.notebook import trace_html
from analyzer.report.page import MOST_BYTES, page
from analyzer.report.screen import Clock
from analyzer.schema import TABLES
from analyzer.tables import Table
from analyzer.trace import Trace
from tests.records import attempt, ms, rows, session
from tests.report.crowd import crowd
from tests.report.test_terminal import entries

UTC = Clock(dt.UTC)
VOID = {"meta", "link", "br", "use", "path"}
#: Names as strangers write them, and what no page may hold of them.
HOSTILE = (
    '"><script>hacked=true</script>', "<img src=x onerror=hacked=true>", "</title><script>1</script>", "{{ 7*7 }}",
    "$\\frac$", "_hidden", "\x1b[31m\u202egnp\ud800", "a" * 5000, "--><b>", "'; rm -rf ~ #", "#1b1f24",
    'id="x" url(#y)', "font: 9px x", "",
)  # fmt: skip


def text_of(tables, sources=("mail.pcap",), **more):
    return "".join(page(tables, sources, UTC, **more))


class Reader(HTMLParser):
    """Collects tags, ids, links and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.attributes, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append(tag)
        self.attributes += known
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known["href"][1:]] if known.get("href", "").startswith("#") else []

    def handle_data(self, data):
        self.text.append(data)


def hostile_tables():
    """Give traffic in which strangers wrote everything that they can."""
    evil = [
        attempt(
            f"S{n}", "192.0.2.66", ms(1000 * n), outcome, identity=name, text=name, mechanism=name or None,
            where=f"{name} frame 3",
        )
        for n, name in enumerate(HOSTILE)
        for outcome in ("rejected", "succeeded")
    ]  # fmt: skip
    units = [
        {"session": "S0", "n": n, "at": ms(n), "verb": "EHLO", "argument": name, "code": 250, "text": name}
        for n, name in enumerate(HOSTILE)
    ]
    finding = {"severity": "medium", "kind": "guessing", "session": "S0", "at": ms(0), "last": ms(9000), "count": 3}
    tables = {name: Table.empty(name) for name in TABLES}
    tables["auth"] = rows("auth", *evil)
    tables["sessions"] = rows("sessions", *(session(f"S{n}", "192.0.2.66", ms(n)) for n in range(len(HOSTILE))))
    tables["exchanges"] = rows("exchanges", *units)
    tables["findings"] = rows(
        "findings",
        *({**finding, "identity": name, "evidence": name, "advice": name, "places": name} for name in HOSTILE),
    )
    tables["skipped"] = rows("skipped", *({"source": n, "stage": "wire", "reason": n, "first": n} for n in HOSTILE))
    return tables


def test_opening(tables):
    """The page begins with the five answers, in their order."""
    text = text_of(tables)

    assert re.search(r'class="verdict break_in">Somebody may have got in<', text)
    questions = re.findall(r'<h2 id="q\d">([^<]*)', text)
    assert questions == ["What happened?", "To whom?", "Did anyone get in?", "What to do?", "What was not seen?"]
    assert "<b>10</b> AUTH attempts" in text
    assert "192.0.2.66 as bob" in text
    assert "change the password of bob unless 192.0.2.66 is known to you" in text
    assert text.index("</header>") < text.index('id="q1"') < text.index("<nav")


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "break_in"),
        ({"findings": "guessing"}, "attack"),
        ({"findings": "backend_outage"}, "trouble"),
        ({"findings": None}, "quiet"),
        ({"findings": None, "auth": None}, "unseen"),
        ({"findings": None, "auth": None, "sessions": None}, "none"),
    ],
)
def test_verdicts(tables, change, verdict):
    """The first line says the worst that was found."""
    kind = change.get("findings", "")
    if kind is None:
        tables["findings"] = Table.empty("findings")
    elif kind:
        tables["findings"] = rows("findings", {"severity": "medium", "kind": kind, "count": 2, "advice": "x"})
    for name in {"auth", "sessions"} & change.keys():
        tables[name] = Table.empty(name)

    assert f'class="verdict {verdict}"' in text_of(tables)


def test_nobody_got_in(tables):
    """Where nobody got in the page says so, and where TLS hides sessions, that it saw not all."""
    tables["auth"] = tables["auth"].take(~tables["auth"].has("outcome", "succeeded"))
    assert "<p>Nobody that could be seen.</p>" in text_of(tables)

    tables["sessions"] = tables["sessions"].take(tables["sessions"].array("readable") == 1)
    assert "<p>Nobody.</p>" in text_of(tables)


def test_successes_without_a_name(tables):
    """Successes of which nobody knows the identity are counted among those who got in."""
    made = [attempt("Person00001", "192.0.2.1", ms(0), "succeeded", identity=n, attempt=2) for n in ("alice", None)]
    tables["auth"], tables["findings"] = rows("auth", *made), Table.empty("findings")

    assert "<p><bdi>alice</bdi> (1)</p><p>an unknown identity (1)</p>" in text_of(tables)


def test_hints_can_be_run(tables):
    """The commands that list what the page leaves out have the input, and conditions where they matter."""
    tables["findings"] = rows("findings", *({"severity": "low", "kind": f"k{n}"} for n in range(60)))
    tables["skipped"] = rows("skipped", *({"reason": f"r{n}", "stage": "wire", "count": n} for n in range(30)))
    text = text_of(tables, paths=["x.pcap"], conditions=["--client", "192.0.2.66"])

    assert '<code dir="ltr">smtp-analyzer findings x.pcap --client 192.0.2.66</code>' in text
    assert '<code dir="ltr">smtp-analyzer skipped x.pcap</code>' in text


def test_narrowed(tables):
    """The page, the object and a notebook name the conditions; without successes nobody asked who got in."""
    told = {"conditions": ["--outcome", "rejected"]}
    report = gather(tables, [], **told)

    assert '<code dir="ltr">--outcome rejected</code></p>' in text_of(tables, **told)
    assert "<p>Not asked: the conditions leave successes out.</p>" in text_of(tables, **told)
    assert (report.conditions, report.successes_asked) == (("--outcome", "rejected"), False)
    assert "Only what meets --outcome rejected" in trace_html(tables, [], **told)
    assert "Only what meets" not in text_of(tables) + trace_html(tables, [])


def test_nothing_met(tables):
    """Where nothing meets the conditions page, object and notebook say so, and how much the input has."""
    trace = Trace(tables, [], []).filter(since="2026-11-20")
    told = {"conditions": trace.conditions, "unmet": trace.unmet}
    text, report, shown = text_of(trace.tables, **told), gather(trace.tables, [], **told), trace._repr_html_()

    assert 'class="verdict unmet">Nothing meets the conditions<' in text
    for each in (text, shown):
        assert "The whole input has 10 AUTH attempts in 10 SMTP sessions." in each
        assert "Give other conditions" in each
        for untrue in ("Nobody", "Nothing was hidden", "interface"):
            assert untrue not in each
    assert (report.verdict, report.input_sessions, report.input_attempts, report.findings) == ("unmet", 10, 10, ())


@pytest.mark.parametrize("caveat", ["gap", "midstream", "one_sided", "truncated"])
def test_missing_bytes(tables, caveat):
    """Where bytes of a session are missing somebody may have got in: page, object and notebook say so."""
    tables["auth"], tables["findings"] = Table.empty("auth"), Table.empty("findings")
    tables["sessions"] = rows("sessions", session("a", "192.0.2.1", ms(0), caveats=f"bare_lf {caveat}", attempts=0))
    tables["skipped"] = Table.empty("skipped")
    text, report = text_of(tables), gather(tables, [])

    assert "<p>Nobody that could be seen.</p>" in text
    assert '<a href="#missing">1</a></dt><dd>Sessions of which bytes are missing</dd>' in text
    assert report.verdict == "unseen"
    assert (report.unseen.sessions_incomplete, report.unseen.logins) == (1, True)
    assert [(each.name, each.count) for each in report.unseen.missing] == [(caveat, 1)]
    assert "What was not seen? Sessions of which bytes are missing (1)" in trace_html(tables, [])


def test_many_got_in(tables):
    """Of many who got in the page shows the first, says how many more there are, and leaves room for other findings."""
    tables["findings"] = entries(30)
    text, report = text_of(tables), gather(tables, [])

    first, entered, steps = (text.split(f'id="q{n}"')[1].split("</section>")[0] for n in (1, 3, 4))
    assert '<a href="#finding-31">password guessing from 198.51.100.0/24 (0)</a>' in first
    assert entered.count(" as bob") == 3
    assert '<a href="#findings">and 27 more</a>' in entered
    assert steps.count("<li>") == len(report.steps) == 5
    assert '<a href="#findings">and 26 more</a>' in steps
    assert report.more_steps == 26
    assert text.count('<section class="finding high"') == 20
    assert '<section class="finding medium" id="finding-31">' in text
    read = Reader(text)
    assert set(read.links) <= set(read.ids)


def test_every_link_leads_somewhere(tables):
    """Every link of the page leads to an id in it, and no id is there twice."""
    read = Reader(text_of(tables))

    assert set(read.links) <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))
    assert len(read.links) > 30


def test_numbers_lead_to_their_rows(tables):
    """A number leads to its rows and to the command that lists all; each failure leads to its advice."""
    text = text_of(tables, paths=["my mail.pcap"], conditions=["--since", "09:00"])

    (anchor,) = re.findall(r'<a href="#(rows-\d+)">7</a></td><td><a href="#reason-bad_credentials">', text)
    part = text.split(f'<details id="{anchor}">')[1].split("</details>")[0]
    assert part.count("<tr><td>2026-11-18 11:03:0") == 7
    assert part.count('<a href="#reason-bad_credentials">') == 7
    assert "smtp-analyzer auth &#39;my mail.pcap&#39; --since 09:00 --reason bad_credentials</pre>" in part
    assert '<section class="topic" id="reason-bad_credentials">' in text
    assert '<a href="#outcome-client_closed">client_closed</a>' in text


def test_rows_of_several_sources(tables):
    """Where a log and a capture tell of one exchange it counts once, and the page says that the command lists both."""
    told = "This command lists all, with a row for each source that tells of one:"
    assert told not in text_of(tables)

    both = [attempt("Person00001", "198.51.100.7", ms(0), "rejected", event="e", source=name) for name in ("a", "b")]
    tables["auth"] = rows("auth", *both)
    assert told in text_of(tables)
    assert ": All 1</summary>" in text_of(tables)


def test_self_contained(tables):
    """Nothing is fetched: no address but those of links that a person follows, and a policy that forbids the rest."""
    text = text_of(tables)
    read = Reader(text)

    assert not {"img", "iframe", "object", "embed", "base"} & set(read.tags)
    assert "src" not in read.attributes
    assert not [name for name in read.attributes if name.startswith("on")]
    assert "default-src 'none'" in text
    assert not re.findall(r"url\((?!#)|@import", text)
    assert [tag for tag in read.tags if tag == "script"] == ["script"]
    assert set(re.findall(r'(?:href|xlink:href)="([a-z]+):', text)) <= {"https", "data"}


def test_deterministic(tables):
    """The same tables give the same page, letter for letter."""
    assert text_of(tables) == text_of(tables)


def test_hostile():
    """What strangers wrote is text: no tag, no escape sequence, no formula, no template, no colour of it."""
    text = text_of(hostile_tables(), [*HOSTILE[:3]])
    read = Reader(text)

    assert [tag for tag in read.tags if tag in ("script", "img", "b")].count("script") == 1
    assert "img" not in read.tags
    assert "onerror" not in read.attributes
    assert len(read.ids) == len(set(read.ids))
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\ud800-\udfff]", text)
    assert "{{ 7*7 }}" in text
    assert "#1b1f24" in "".join(read.text)
    assert "a" * 600 not in text
    text.encode("utf-8")


@pytest.mark.parametrize("name", [*HOSTILE, "plain@example.test"])
def test_commands_are_exact(name):
    """The command of a number names an identity exactly, in words that a shell takes as they are."""
    listing = evidence.Evidence(Table.empty("auth"), ["mail.pcap"], UTC).listing({"identity": name})

    before, _, after = listing.partition(" | ")
    assert shlex.split(before)[:3] == ["smtp-analyzer", "auth", "mail.pcap"]
    if name == "plain@example.test":
        assert shlex.split(before)[3:] == ["--identity", name]
        return
    assert shlex.split(before)[3:] == ["--format", "jsonl"]
    program, option, condition = shlex.split(after)
    assert (program, option) == ("jq", "-c")
    assert condition.isascii()
    assert len(condition) < 12 * evidence.VALUE


def test_command_of_many_inputs():
    """A command with very many inputs leaves them to the reader."""
    assert evidence.inputs(["a.pcap", "b.pcap"]) == ["a.pcap", "b.pcap"]
    assert evidence.inputs([f"/var/log/capture-{n}.pcap" for n in range(100)]) == ["PATH..."]


def test_nothing():
    """A capture without SMTP gives a page, too, which says what to check; it has no chart and no rows."""
    text = text_of({name: Table.empty(name) for name in TABLES})

    assert "No login attempt was found" in text
    assert "Check the interface and the capture filter" in text
    assert "Nothing was hidden, lost or skipped." in text
    assert "<svg" not in text
    assert "<details" not in text


@pytest.mark.parametrize(("attempts", "most"), [(1, 80_000), (100, 500_000), (100_000, 4_000_000)])
def test_size(attempts, most):
    """A page grows with what it shows, not with the traffic: at most 200 rows a number, 6,000 in all."""
    text = text_of(crowd(attempts, [f"user{n}@example.test" for n in range(5000)]))

    shown = [part.count("<tr><td>") for part in text.split("<details id=")[1:]]
    assert max(shown) == min(attempts, evidence.ROWS, evidence.ALL_ROWS // len(shown)) or attempts == 100
    assert sum(shown) <= evidence.ALL_ROWS
    assert len(text.encode()) < most < MOST_BYTES


def test_size_of_the_worst():
    """A million attempts with names that grow when they are escaped stay below the bound."""
    tables = crowd(1_000_000, ["\"'<&>\u202e" * 2000 + f"{n}" for n in range(300)])

    assert len(text_of(tables).encode()) < MOST_BYTES


def test_arabic(tables):
    """In Arabic the page goes from right to left, its words are Arabic, and what is English says so."""
    text = text_of(tables, lang="ar")

    assert '<html lang="ar" dir="rtl">' in text
    assert "هل دخل أحد؟" in text
    assert "ربما دخل شخص" in text
    assert '<span class="english" lang="en" dir="ltr">keep 192.0.2.66 out</span>' in text
    assert '<svg class="chart"' in text
    assert 'direction="ltr"' in text
    for word in words("report", "en").values():
        if len(word) > 20 and "{" not in word:
            assert word not in text


def test_words_are_used():
    """Every word of the report has a place in it, and a translation has them all."""
    folder = book._FOLDER.parent / "report"
    files = [*folder.glob("templates/*.j2"), *folder.glob("charts/*.py"), folder / "page.py", folder / "gather.py"]
    source = "".join(file.read_text("utf-8") for file in files)
    composed = ("family_", "verdict_", "severity_", "others_")

    known = words("report", "en")
    assert [name for name in known if not name.startswith(composed) and not re.search(rf"\b{name}\b", source)] == []
    assert known.keys() == book.translation("ar")["report"].keys()
    for name, text in known.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", words("report", "ar")[name])), name


def test_advice_of_what_is_not_translated(tables, monkeypatch):
    """Advice without a translation is in English, and marked."""
    lacking = {**book.translation("ar"), "reason": {}}
    monkeypatch.setattr(book, "translation", lambda lang: lacking if lang == "ar" else {})
    text = text_of(tables, lang="ar")

    assert 'lang="en" dir="ltr">Wrong name or password<' in text
    assert words("word", "ar")["english_only"] in text


def test_no_secret(tables):
    """The text of a conversation shows kind and length of a password, and nothing of it."""
    tables["findings"] = Table.empty("findings")
    tables["auth"] = tables["auth"].take(tables["auth"].has("client_ip", "198.51.100.7"))
    text = text_of(tables)

    assert "&lt;password, 14 bytes&gt;" in text
    assert "Canary" not in text


def test_logs_say_what_they_do_not_show(tables):
    """What the formats of the logs lack is told, with the setting that would show it."""
    text = text_of(tables, cannot=[{"format": "Postfix", "what": "no rounds", "setting": "smtpd -v"}])

    assert "What these logs do not show" in text
    assert "smtpd -v" in text


def test_contrast():
    """Text and charts have the contrast that people need (WCAG 2.2, 1.4.3 and 1.4.11), light and dark."""
    from analyzer.report.charts.paint import PALETTE, PAPER

    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for side in (0, 1):
        for name, both in PALETTE.items():
            for paper in PAPER.values():
                bright, dark = sorted((light(both[side]), light(paper[side])), reverse=True)
                ratio = (bright + 0.05) / (dark + 0.05)
                assert ratio >= (1.2 if name == "rule" else 4.5), (name, side, ratio)
