"""What is shipped, what is imported when, and that the README's commands are those of CI."""

from __future__ import annotations

import os
import re
import resource
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What is not loaded for `import analyzer`.
HEAVY = {
    "backports", "cryptography", "jinja2", "llvmlite", "matplotlib", "numba", "pandas", "pyarrow", "rich", "scapy",
    "asyncio", "multiprocessing",
}  # fmt: skip
#: What is not loaded for `--help` and `--version` either.
HEAVIER = HEAVY | {"numpy", "zoneinfo", "ipaddress", "json", "hashlib"}


def python(*arguments, **options):
    return subprocess.run([sys.executable, "-bb", *arguments], capture_output=True, text=True, check=False, **options)


def loaded(code):
    """Give the top-level modules that a process has after some code."""
    result = python("-c", f"{code}\nimport sys; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))")
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split("\n"))


def commands():
    """Give the commands that the README tells to copy."""
    return re.findall(r"```console\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_import_is_light():
    """`import analyzer` loads nothing heavy."""
    assert not loaded("import analyzer") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["auth", "--help"]])
def test_help_is_light(arguments):
    """Help and version load nothing that they do not use."""
    run = f"import analyzer.cli\ntry: analyzer.cli.main({arguments!r})\nexcept SystemExit: pass"

    got = loaded(run)
    assert "click" in got
    assert not got & (HEAVIER - ({"json"} if arguments == ["--version"] else set()))


def test_help_is_quick():
    """Help takes less than 0.15 s of CPU (the best of five runs, other work on the machine aside)."""

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python("-m", "analyzer", "--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.15


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    result = python("-W", "ignore", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_has_every_module_and_nothing_else(wheel):
    """The wheel holds the package, its marker of types and its licence, no tests and no leftovers."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}

    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "analyzer").rglob("*") if path.is_file()}
    assert names == {name for name in sources if "__pycache__" not in name}
    assert "analyzer/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_wheel_runs(wheel, tmp_path):
    """The command runs from the unpacked wheel, away from the checkout, and every module can be imported."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import analyzer, importlib, pkgutil; from pathlib import Path;"
        f"assert Path(analyzer.__file__).is_relative_to({str(tmp_path)!r});"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(analyzer.__path__, 'analyzer.')"
        " if m.name != 'analyzer.__main__']"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}

    result = python("-c", code, cwd=tmp_path, env=env)
    assert result.returncode == 0, result.stderr
    assert python("-m", "analyzer", "--version", cwd=tmp_path, env=env).stdout.startswith("python -m analyzer, version")


def test_public_names():
    """What the package promises is there."""
    import analyzer

    assert "read" in analyzer.__all__
    assert all(hasattr(analyzer, name) for name in analyzer.__all__)


def test_knowledge_is_there():
    """What the page of the replies says of Python works in a process that has called nothing else."""
    code = "import analyzer; assert analyzer.knowledge.entry(535).title; assert analyzer.knowledge.reason('throttled')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_readme_has_two_commands():
    """The README gives exactly two commands, each of which does its own set-up; CI runs the second word for word."""
    first, second = commands()

    assert first.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert second.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == second


def test_readme_names_what_exists():
    """The sample of the README is there, and so is every page that it leads to."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    for path in [
        *re.findall(r"\]\(([^)#:]+)\)", text),
        *(w for w in shlex.split(commands()[0]) if w.startswith("samples/")),
    ]:
        assert (ROOT / path).exists(), path


def test_readme_commands_are_commands():
    """Every command line of the README can be parsed."""
    from analyzer.cli import main

    lines = re.findall(
        r"^smtp-analyzer ([^|\n]*?)(?:  .*|\|.*)?$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(lines) >= 5
    whole = main.make_context("smtp-analyzer", ["report"])
    for line in lines:
        name, *arguments = shlex.split(line)
        main.commands[name].make_context(name, arguments, whole)


def test_dependencies_are_used_and_declared():
    """What the package imports is what it says that it needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {re.split(r"[^\w.-]", need)[0] for need in [*project["dependencies"], *extras["fast"], *extras["geo"]]}
    imports = re.compile(r"^\s*(?:from|import) (\w+(?:\.zstd)?)", re.MULTILINE)
    used = {
        name for path in (ROOT / "analyzer").rglob("*.py") for name in imports.findall(path.read_text(encoding="utf-8"))
    }

    foreign = used - set(sys.stdlib_module_names) - {"analyzer", "compression.zstd"}
    assert foreign <= declared, foreign - declared


def test_no_registry_and_no_private_path_is_named():
    """No file names a host to install from or a folder of one machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    words = re.compile(
        "|".join(["py" + r"pi\.org", "python" + "hosted", "index" + "-url", "registry" + r"\.npmjs", "/" + "work/"])
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".yml", ".cfg", ".txt", ""}:
            assert not words.search(path.read_text(encoding="utf-8", errors="replace")), name
