"""Take the pictures of docs/days: python -m tests.days.pictures, with Chromium on PATH.

The first screen of each day's page, as a reader has it. Chromium draws letters with the fonts of the machine, so no
test compares the pictures; take them anew where the page looks different.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import analyzer
from tests.days.days import DAYS, sessions_of
from tests.days.traffic import capture

FOLDER = Path(__file__).parents[2] / "docs/days"
#: Wide enough for three answers in a row, and as high as the five of them need.
SIZE = "1000,720"


def main() -> None:
    """Take them all."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is not on PATH: install it first (CONTRIBUTING.md)")
    FOLDER.mkdir(exist_ok=True)
    for day in DAYS:
        with tempfile.TemporaryDirectory() as folder:
            page, packets = Path(folder, "report.html"), Path(folder, "capture.pcap")
            packets.write_bytes(capture(sessions_of(day)))
            analyzer.read(packets).report(str(page), timezone="UTC")
            flags = (
                "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
                "--disable-background-networking --disable-component-update --disable-sync"
            )
            subprocess.run(
                [
                    browser, *flags.split(), f"--user-data-dir={folder}/profile", f"--window-size={SIZE}",
                    f"--screenshot={FOLDER / day.name}.png", page.as_uri(),
                ],
                check=True, capture_output=True, timeout=60,
            )  # fmt: skip


if __name__ == "__main__":
    main()
