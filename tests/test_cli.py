"""The command line."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import analyzer
from analyzer import cli
from analyzer.cli import LISTINGS, main
from analyzer.errors import AnalyzerError, InputError
from analyzer.options import FILE_FORMATS, FORMATS
from analyzer.report import export, listing
from analyzer.schema import TABLES
from analyzer.tables import Table
from analyzer.trace import Trace
from tests.conftest import leaks
from tests.records import rows

SAMPLE = str(Path(__file__).parents[1] / "samples/first-look/capture.pcap")

#: A process that runs the command line on made-up tables, since what is tested here is not the reading.
PROCESS = """
import sys
import analyzer
from analyzer.trace import Trace
from tests import records

def read(*sources, progress=None, **settings):
    tables = records.traffic()
    {body}
    return Trace(tables, list(sources), [])

analyzer.read = read
from analyzer.cli import main
main(prog_name="smtp-analyzer")
"""


@pytest.fixture
def read(monkeypatch, tables):
    """Make `analyzer.read` give made-up tables; the calls are kept."""
    calls = []

    def read(*sources, **settings):
        calls.append((sources, settings))
        return Trace(tables, list(sources), read.warnings)

    read.calls, read.warnings = calls, []
    monkeypatch.setattr(analyzer, "read", read)
    return read


def run(*arguments):
    result = CliRunner().invoke(main, [*arguments, "--display-timezone", "UTC"])
    assert not leaks(result.output)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def process(*arguments, body="pass", **options):
    code = PROCESS.format(body=textwrap.indent(textwrap.dedent(body), "    ").strip())
    return [sys.executable, "-bb", "-c", code, *arguments], {
        "cwd": Path(__file__).parents[1],
        **options,
    }


def test_report(read):
    """The report is written on standard output, and the paths go to the reader as they are."""
    result = run("report", "mail.pcap", "more/*.gz")

    assert result.exit_code == 0
    assert result.stdout.startswith("Input     mail.pcap, more/*.gz\nSeen      10 AUTH attempts in 10 SMTP sessions\n")
    assert result.stderr == ""
    assert read.calls == [(("mail.pcap", "more/*.gz"), {"progress": None, "tables": cli.REPORTED})]


@pytest.mark.parametrize("name", LISTINGS)
def test_listings(read, tables, name):
    """Every table is a listing, in three formats."""
    objects = [json.loads(line) for line in run(name, "x", "--format", "jsonl").stdout.splitlines()]
    assert len(objects) == len(tables[name])
    assert all(list(row) == [column.name for column in TABLES[name]] for row in objects)
    assert len(run(name, "x", "--format", "csv").stdout.splitlines()) == len(tables[name]) + 1
    assert len(run(name, "x").stdout.splitlines()) == len(tables[name]) + 2


def test_export(read, tables, tmp_path):
    """Tables become files; conditions and thresholds hold, and only the tables that are asked for are made."""
    result = run("export", "x", "--to", str(tmp_path / "a"), "--format", "csv", "--identity", "alice*")

    assert result.stdout.splitlines()[0] == f"{tmp_path}/a/sessions.csv: 1 row"
    assert (tmp_path / "a/auth.csv").read_bytes() == b"".join(listed(tables, "auth", "csv", "alice*"))
    assert run("export", "x", "--to", str(tmp_path), "--tables", "auth, skipped").stdout.count("\n") == 2
    assert read.calls[-1][1]["tables"] == ("auth", "skipped")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "auth.parquet", "skipped.parquet"]


def listed(tables, name, form, identity):
    kept = Trace(tables, [], []).filter(identity=identity).tables
    return listing.listing(kept[name], form, None, None, kept["sessions"])


def test_export_overwrites_only_when_asked(read, tmp_path):
    """A file that is there stays, and is told before anything is read; --force overwrites it."""
    (tmp_path / "auth.jsonl").write_text("mine")
    arguments = ("export", "x", "--to", str(tmp_path), "--format", "jsonl")

    refused = run(*arguments)
    assert (refused.exit_code, refused.stdout, read.calls) == (2, "", [])
    assert refused.stderr == (
        f"Error: {tmp_path}/auth.jsonl is there already: give another folder, or --force (force=True) to overwrite\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["auth.jsonl"]
    assert run(*arguments, "--force").exit_code == 0
    assert len((tmp_path / "auth.jsonl").read_text().splitlines()) == 10


def test_interrupted_export(tmp_path):
    """Ctrl-C while tables are written leaves no file, not even a part of one."""
    command, options = process("export", "x", "--to", str(tmp_path), body="""
        from analyzer.report import parquet
        def write(table, file):
            import time
            for _ in range(6000):
                file.write(b"half")
                file.flush()
                print("writing", flush=True)
                time.sleep(0.01)
        parquet.write = write
    """)  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as running:
        running.stdout.readline()
        assert {path.suffix for path in tmp_path.iterdir()} == {".part"}
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=30)
        assert told == b"Interrupted.\n"
        assert running.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_every_table_has_a_listing():
    """No table is left out, and no format."""
    assert set(LISTINGS) == set(TABLES)
    assert FORMATS == listing.FORMATS
    assert tuple(export.FORMATS) == FILE_FORMATS


def test_filters(read):
    """Conditions are applied, together."""
    rows = run(
        "auth", "x", "--format", "jsonl", "--client", "192.0.2.0/24", "--outcome", "succeeded", "--since", "11:00"
    )

    assert [json.loads(line)["identity"] for line in rows.stdout.splitlines()] == ["bob"]
    assert run("report", "x", "--identity", "alice*").stdout.splitlines()[1:3] == [
        "Only      --identity 'alice*'",
        "Seen      2 AUTH attempts in 1 SMTP session",
    ]


def test_nothing_meets_the_conditions(read):
    """A filter that leaves nothing is told with what there is, by every command; so is a table that it empties."""
    told = "Nothing meets --identity zzz; the input has 10 AUTH attempts in 10 SMTP sessions.\n"
    for command in (("report",), ("report", "--json"), ("auth", "--format", "csv"), ("sessions",), ("stats",)):
        assert run(*command, "x", "--identity", "zzz").stderr == told
    assert run("auth", "x", "--client", "2001:db8::5").stderr == (
        "No row of auth meets --client 2001:db8::5; the input has 10 rows.\n"
    )
    assert run("sessions", "x", "--client", "2001:db8::5").stderr == ""


def test_page_on_standard_output(read, tmp_path, monkeypatch):
    """The page may go to standard output, alone and in the encoding that it names; no file is called like that."""
    monkeypatch.chdir(tmp_path)
    result = run("report", "x", "--html", "-", "--lang", "ar")

    assert result.stdout_bytes.decode("utf-8").startswith('<!doctype html>\n<html lang="ar"')
    assert (result.stderr, list(tmp_path.iterdir())) == ("", [])
    both = run("report", "x", "--html", "-", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert both.stderr == "Error: --html - and --json both write on standard output: give the page a file\n"


def test_the_terminal_is_in_english(read):
    """A language that is asked for a terminal is not passed over in silence."""
    told = "Note: --lang is for --html and --json; in a terminal the report is in English.\n"

    assert run("report", "x", "--lang", "ar").stderr == told
    assert run("report", "x", "--lang", "ar", "--json").stderr == ""


def test_thresholds():
    """A threshold on the command line decides on findings; one that makes no sense is told before anything is read."""
    four = ("--threshold", "guesses=4", "--threshold", "guess_minutes=30")

    assert "guessing" not in run("findings", SAMPLE).stdout
    assert "guessing" in run("findings", SAMPLE, *four).stdout
    assert "\nFound     password guessing from 203.0.113.66: 4 guesses " in run("report", SAMPLE, *four).stdout
    assert run("findings", "no-such-file", "--threshold", "guess=4").stderr.startswith(
        "Error: unknown threshold 'guess'"
    )


def test_hints_can_be_run(read, tables):
    """A command that a report names has the input, how it was read, and the conditions."""
    skips = ({"reason": f"r{n}", "stage": "wire", "count": n} for n in range(30))
    tables["findings"] = rows("findings", *({"severity": "low", "kind": f"k{n}"} for n in range(60)))
    tables["skipped"] = rows("skipped", *skips)
    how = ["--as", "exim", "--formats", "mine", "--formats", "ours", "--year", "2025", "--timezone", "UTC"]
    shown = "my.log --as exim --formats mine --formats ours --year 2025 --timezone UTC"

    told = run("report", "my.log", *how, "--client", "192.0.2.66").stdout
    assert f"`smtp-analyzer findings {shown} --client 192.0.2.66` lists them" in told
    assert f"`smtp-analyzer skipped {shown}` lists them" in told

    told = run("report", "my.log", *how, "--since", "09:00").stdout
    assert f"`smtp-analyzer findings {shown} --since 09:00 --display-timezone UTC` lists them" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--timezone", "Mars"), "Error: unknown timezone 'Mars': give local"),
        (("--as", "foo"), "Error: no format 'foo'; there are aiosmtpd"),
        (("--formats", "no-such-folder"), "Error: no-such-folder holds no format files"),
    ],
)
def test_options_for_logs_are_checked_for_captures(options, message):
    """An option that makes no sense is told in one line, also where the input has no need of it."""
    result = run("report", SAMPLE, *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("sources", "settings", "message"),
    [
        ((), {}, "nothing to read: give the path"),
        (([],), {}, "nothing to read: give the path"),
        (([SAMPLE, 3],), {}, "int is no input: give paths"),
        ((3,), {}, "int is no input: give paths"),
        (([3, 4],), {}, "list is no input: give paths"),
        ((b"mail.pcap",), {}, "bytes is no input: give paths"),
        ((SAMPLE,), {"thresholds": {"guesses": "x"}}, "threshold guesses has to be a number above 0, not 'x'"),
        ((SAMPLE,), {"thresholds": "guesses=3"}, "thresholds have to be names with numbers"),
        ((SAMPLE,), {"tables": ("foo", "auth")}, "unknown table foo; known are sessions"),
        ((SAMPLE,), {"timezone": "Mars"}, "unknown timezone 'Mars'"),
    ],
)
def test_nonsense_is_not_read(sources, settings, message):
    """What makes no sense is told by the library, too, and not passed over."""
    with pytest.raises(AnalyzerError, match=message):
        analyzer.read(*sources, **settings)


def test_a_capture_has_no_format():
    """Which lines are taken is told of texts alone: a capture is refused, and its octets are not shown as a line."""
    result = CliRunner().invoke(main, ["formats", "--test", SAMPLE])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: capture.pcap is a packet capture: only lines of logs have a format\n"


def test_one_format_alone():
    """The listing of formats can be of one, and complains about one that nobody knows."""
    assert CliRunner().invoke(main, ["formats", "--as", "exim"]).stdout.startswith("exim  Exim main log")
    assert "dovecot" not in CliRunner().invoke(main, ["formats", "--as", "exim"]).stdout
    assert CliRunner().invoke(main, ["formats", "--as", "foo"]).stderr.startswith("Error: no format 'foo'")


def test_numbers_of_sessions_do_not_depend_on_filters(read):
    """The number of a session is its place among all, so that `show` finds it."""
    assert run("sessions", "x", "--identity", "alice*").stdout.splitlines()[2].split()[0] == "9"
    assert run("show", "x", "--session", "9").stdout.startswith("Session 9  Person00001")


def test_show(read):
    """A session is shown by its id too, answers as kind and length."""
    result = run("show", "x", "--session", "Person00001")

    assert "<password, 14 bytes>" in result.stdout
    assert "[Password:]" in result.stdout


def test_workers(read):
    """The number of workers is passed on when it is given, and a listing reads no table but its own."""
    run("auth", "x", "--workers", "2")

    assert read.calls[0][1] == {"progress": None, "workers": 2, "tables": ("auth",)}


def test_columns(read):
    """Columns can be chosen."""
    assert run("auth", "x", "--format", "csv", "--columns", "code,outcome").stdout.splitlines()[0] == "code,outcome"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("auth", "x", "--outcome", "no"), "Error: unknown outcome no; known are"),
        (("auth", "x", "--mechanism", "no"), "Error: unknown mechanism no; known are"),
        (("auth", "x", "--columns", "no"), "Error: auth has no column no; it has"),
        (("show", "x", "--session", "99"), "Error: no session '99' in x; the listing"),
        (("auth", "x", "--since", "\x1b[2J"), "Error: '\\x1b[2J' is no time"),
        (("export", "x", "--to", __file__), f"Error: {__file__}: the folder cannot be made: a file has that name"),
        (("export", "x", "--to", "/proc/no/where"), "Error: /proc/no/where: the folder cannot be made: "),
        (("export", "x", "--to", "/proc", "--tables", "auth,no"), "Error: unknown table no; known are sessions, auth,"),
    ],
)
def test_errors_are_one_line(read, arguments, message):
    """What a person did wrong is one line on standard error, with what would be right, and exit status 2."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_nothing_is_read_for_a_senseless_condition(read):
    """A condition that makes no sense is told at once and not after hours."""
    run("auth", "x", "--client", "nobody")

    assert not read.calls


@pytest.mark.parametrize("error", [InputError, AnalyzerError])
def test_unreadable_input(monkeypatch, error):
    """An input that cannot be read is one line, whatever bytes its name has."""

    def read(*sources, **settings):
        raise error("mail\x1b.pcap: no such file; give a capture")

    monkeypatch.setattr(analyzer, "read", read)
    result = run("auth", "mail.pcap")
    assert (result.exit_code, result.stderr) == (2, "Error: mail\\x1b.pcap: no such file; give a capture\n")


def test_memory(monkeypatch):
    """An input for which the memory does not suffice is one line as well."""

    def read(*sources, **settings):
        raise MemoryError

    monkeypatch.setattr(analyzer, "read", read)
    result = run("auth", "mail.pcap")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "not enough memory" in result.stderr


def test_warnings(read):
    """A damaged tail gives the results, a warning on standard error and exit status 0."""
    read.warnings = ["mail.pcap: the last record is cut off"]

    result = run("auth", "x", "--format", "csv")
    assert result.exit_code == 0
    assert result.stderr == "Warning: mail.pcap: the last record is cut off\n"
    assert len(result.stdout.splitlines()) == 11


def test_no_smtp(read, tables):
    """An input without SMTP is no error, and said to be one without."""
    tables.update({name: Table.empty(name) for name in TABLES if name != "skipped"})

    result = run("auth", "x", "--format", "jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No SMTP session was found in x.\n`smtp-analyzer skipped x` lists what could not be read.\n"
    assert "no SMTP session was found" in run("report", "x").stdout


@pytest.mark.parametrize("command", ["report", *LISTINGS, "show", "export"])
def test_help(command):
    """Every command has help with an example, and every option a text."""
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert f"Example: smtp-analyzer {command} " in result.stdout
    assert all(p.help for p in main.commands[command].params if isinstance(p, click.Option))


def test_version():
    """The version is that of the distribution."""
    from importlib.metadata import version

    assert CliRunner().invoke(main, ["--version"]).stdout.strip().endswith(version("smtp-trace-analyzer"))


def test_closed_pipe():
    """A reader that leaves early ends the command silently."""
    command, options = process("exchanges", "x", "--format", "csv", body="""
        from analyzer.tables import concatenate
        tables["exchanges"] = concatenate([tables["exchanges"]] * 20000)
    """)  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as running:
        assert running.stdout.readline().startswith(b"session,")
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk():
    """Output that cannot be written is one line on standard error."""
    command, options = process("auth", "x")
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, **options)

    assert (result.returncode, result.stderr) == (2, b"Error: output: No space left on device\n")


def test_interrupt():
    """Ctrl-C ends the command with status 130 and no traceback."""
    command, options = process("auth", "x", body="print('reading', flush=True); import time; time.sleep(60)")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as running:
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.stderr.read() == b"Interrupted.\n"
        assert running.wait(30) == 130


def test_interrupt_of_the_bar():
    """Ctrl-C while the bar is shown ends as quietly, with the cursor back."""
    command, options = process("auth", "x", body="""
        import time
        progress(1, 10)
        time.sleep(1)
        progress(2, 10)
        time.sleep(60)
    """)  # fmt: skip
    main_end, other_end = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other_end, env=env, **options) as running:
        os.close(other_end)
        shown = b""
        deadline = time.monotonic() + 30
        while b"reading" not in shown and time.monotonic() < deadline:
            shown += os.read(main_end, 4096)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
        try:
            while data := os.read(main_end, 4096):
                shown += data
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(main_end)
    assert b"Traceback" not in shown
    assert b"Interrupted." in shown
    assert b"\x1b[?25h" in shown


def test_any_locale():
    """Output that the terminal's encoding cannot write is escaped and never an error."""
    command, options = process(
        "auth",
        "x",
        "--columns",
        "identity",
        body="tables['auth'] = records.rows('auth', {'identity': 'ü日', 'outcome': 'other'})",
    )
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, capture_output=True, env=env, check=True, **options)

    assert result.stdout.splitlines()[-1] == b"\\xfc\\u65e5"


def test_python_m():
    """`python -m analyzer` is the command."""
    result = subprocess.run([sys.executable, "-m", "analyzer", "--help"], capture_output=True, text=True, check=True)

    assert "every login attempt" in result.stdout
