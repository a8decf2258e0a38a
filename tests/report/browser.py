"""A real browser, headless: what becomes of a page when it is opened."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH; CONTRIBUTING says how to get it")

#: A script that a test adds to a page: it says what the browser made of it.
PROBE = """
<script>
addEventListener("load", () => {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  const links = [...document.querySelectorAll('a[href^="#"]')].map((each) => each.getAttribute("href").slice(1));
  const wide = [...document.querySelectorAll("body *")].filter((each) => {
    const box = each.getBoundingClientRect();
    return (box.right > innerWidth + 1 || box.left < -1) && !each.closest(".scroll, .skip, pre");
  });
  const said = {
    duplicates: ids.filter((id, n) => ids.indexOf(id) !== n),
    broken: links.filter((id) => !document.getElementById(id)),
    unnamed: [...document.querySelectorAll('[role="img"]')].filter((each) => !each.querySelector("title, desc")).length,
    pictures: document.querySelectorAll('svg[role="img"]').length,
    outside: document.querySelectorAll("[src], link[href^=http], iframe, object, embed, form").length,
    wide: wide.map((each) => each.tagName + "." + each.className.toString().slice(0, 40)),
    direction: getComputedStyle(document.body).direction,
    paper: getComputedStyle(document.body).backgroundColor,
    hacked: window.hacked === true || document.title.includes("hacked"),
    first: Math.round(document.querySelector("nav")?.getBoundingClientRect().top ?? 0),
    ...(window.told ?? {}),
  };
  const element = document.createElement("pre");
  element.id = "probe";
  element.textContent = JSON.stringify(said);
  document.body.append(element);
});
</script>
"""


def run(page: Path, profile: Path, *options: str, anchor: str = "") -> str:
    """Open a page; gives what the browser prints."""
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", *options, f"{page.as_uri()}{anchor}"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def probed(text: str, more: str = "") -> str:
    """Give a page with the probe in it, which the page's own policy would forbid."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    return text.replace("</body>", f"{more}{PROBE}</body>")


def probe_of(dom: str) -> str:
    """Give what the probe says, as JSON."""
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)
    assert found
    return html.unescape(found[1])
