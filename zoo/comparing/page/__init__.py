"""One self-contained HTML page that compares runs: charts, tables and data in one file, and nothing from any network.

`page(comparison)` joins four things: `page.html` (the frame), `page.css`, the scripts of `js/` and plotly.js, and puts
what `content` says of the comparison between them as JSON. The page's own Content-Security-Policy lets the browser run
these scripts alone (by their hashes) and reach no address.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from zoo.comparing.page.content import content
from zoo.comparing.page.embed import as_json

if TYPE_CHECKING:
    from zoo.comparing.comparison import Comparison

SCRIPTS = (  # in this order, in one scope
    "text.js",
    "colours.js",
    "state.js",
    "charts.js",
    "headline.js",
    "groups.js",
    "table.js",
    "curves.js",
    "pairs.js",
    "parallel.js",
    "mistakes.js",
    "config.js",
    "main.js",
)


def page(comparison: Comparison) -> str:
    """The whole text of the page, to be written as UTF-8.

    plotly.js is packed (2 MB instead of 4.8); the browser unpacks it with its own DecompressionStream.
    """
    from plotly.offline import get_plotlyjs

    library = get_plotlyjs()
    script = '"use strict";(() => {\n' + "".join(part(f"js/{name}") for name in SCRIPTS) + "})();"
    inserts = {
        "{{policy}}": policy([script, library]),
        "{{style}}": part("page.css"),
        "{{data}}": as_json(content(comparison)),
        "{{library}}": packed(library),
        "{{script}}": script,
    }
    text = part("page.html")
    for mark, insert in inserts.items():
        before, after = text.rsplit(mark, 1)  # marks stand in this order: what was inserted is never searched again
        text = before + insert + after
    return text


def part(name: str) -> str:
    """The text of a file of this folder."""
    return files("zoo.comparing.page").joinpath(name).read_text(encoding="utf-8")


def packed(text: str) -> str:
    """As gzip in base64; the same text gives the same result."""
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def policy(scripts: list[str]) -> str:
    """A Content-Security-Policy under which these scripts run and nothing else does, and nothing is fetched."""
    hashes = " ".join(f"'sha256-{digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'"
    )


def digest(script: str) -> str:
    """SHA-256 in base64, as the policy wants it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
