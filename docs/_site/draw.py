"""Draws what `to_mermaid()` gives on the page "How it prints itself", as Mermaid draws it.

The site runs no Mermaid. It shows this drawing, docs/drawings/to_mermaid.svg, which has the text that it
was made of in its <desc>; a test compares that with the page. Run this again after a change of the page.
It needs npm and Chromium.
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "how-it-prints-itself.md"
DRAWING = DOCS / "drawings" / "to_mermaid.svg"
MERMAID = "mermaid@11.12.0"
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"

GROUND = '<rect width="100%" height="100%" fill="white"/>'  # also where what is around it is dark
HTML = """<!doctype html><meta charset="utf-8"><body><script src="package/dist/mermaid.min.js"></script>
<script>
mermaid.initialize({startOnLoad: false, theme: "neutral", htmlLabels: false, flowchart: {htmlLabels: false},
                    fontFamily: "system-ui, sans-serif", deterministicIds: true});
mermaid.render("flowchart", %s).then(({svg}) => { document.body.innerHTML = svg; });
</script>"""


def flowchart() -> str:
    """Find the flowchart on the page."""
    found = re.search(r"^flowchart LR\n(    .*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        sys.exit(f"no flowchart in {PAGE}")
    return found[0]


def drawn(text: str) -> str:
    """Let Mermaid draw it, in a browser without a window."""
    chromium = shutil.which("chromium") or sys.exit("chromium is not on PATH")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", MERMAID], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (archive,) = Path(folder).glob("*.tgz")
        shutil.unpack_archive(archive, folder, filter="data")
        page = Path(folder, "page.html")
        page.write_text(HTML % repr(text), encoding="utf-8")
        command = [
            chromium,
            *FLAGS.split(),
            f"--user-data-dir={folder}/profile",
            "--virtual-time-budget=10000",
        ]
        done = subprocess.run(
            [*command, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True
        )
    found = re.search(r"<svg.*</svg>", done.stdout, re.DOTALL)
    return found[0] if found else sys.exit(f"Mermaid drew nothing: {done.stdout[-500:]}")


def main() -> None:
    text = flowchart()
    svg = drawn(text).replace("&nbsp;", " ").replace("<br>", "<br/>")
    # A picture of its own size, not of that of whatever it is put into.
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    svg = svg.replace('width="100%"', f'width="{float(width):.0f}" height="{float(height):.0f}"', 1)
    head, end, rest = svg.partition(">")
    DRAWING.write_text(
        f"{head}{end}<desc>{html.escape(text, quote=False)}</desc>{GROUND}{rest}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
