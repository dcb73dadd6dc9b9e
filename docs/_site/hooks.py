"""What makes a site of pages that are written to be read in the repository.

The pages link to each other as files do, also out of docs/. Some of what they link to there becomes a page of
the site (OUTSIDE); a link to anything else, to source code say, becomes its text.
"""

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

import sessions
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "examples/leak_suite/README.md": "project/leak-suite.md",
}
STANDS_FOR = {page: path for path, page in OUTSIDE.items()}

CODE = r"^```.*?^```$|`[^`\n]*`"
LINK = r"(?<!!)\[(?P<text>(?:[^\]\[]|\[[^\]\[]*\])*)\]\((?P<target>[^()\s]+)\)"
CODE_OR_LINK = re.compile(f"{CODE}|{LINK}", re.MULTILINE | re.DOTALL)


def there_is(page: str) -> bool:
    return (ROOT / STANDS_FOR.get(page, f"docs/{page}")).exists()


def pruned(nav: Any) -> Any:
    """The navigation without pages that are not written yet, and without sections that are empty then."""
    if isinstance(nav, str):
        return nav if there_is(nav) else None
    if isinstance(nav, dict):
        return {title: part for title, inner in nav.items() if (part := pruned(inner))} or None
    return [part for inner in nav if (part := pruned(inner))]


def anchor_as_on_github(heading: str, _: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.mdx_configs["toc"]["slugify"] = anchor_as_on_github
    config.nav = pruned(config.nav)
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for path, page in OUTSIDE.items():
        if (ROOT / path).exists():
            files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    style = (ROOT / "docs/_site/style.css").read_text(encoding="utf-8")
    files.append(File.generated(config, "style.css", content=style))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    path_here = STANDS_FOR.get(here, f"docs/{here}")

    def led(match: re.Match[str]) -> str:
        target = match["target"]
        if not target or target.startswith("#") or re.match(r"[a-z]+:", target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        path = normpath(join(dirname(path_here), path))
        there = "index.md" if path == "README.md" else OUTSIDE.get(path)
        if there is None and path.startswith("docs/"):
            there = path.removeprefix("docs/")
        if there is None:
            return match["text"]
        return f"[{match['text']}]({relpath(there, dirname(here) or '.')}{hash_}{anchor})"

    return sessions.SESSION.sub(sessions.typed, CODE_OR_LINK.sub(led, markdown))
