"""The linters and the type checker, so that one command runs everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CHECKS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "--quiet", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--quiet", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "imports": [str(Path(sys.executable).parent / "lint-imports")],
}


@pytest.mark.parametrize("name", CHECKS)
def test_clean(name):
    """The checker finds nothing."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    result = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False, env=env)

    assert result.returncode == 0, result.stdout + result.stderr
