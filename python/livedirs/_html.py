"""What notebooks show of a store and of a directory: small tables in HTML that stand for themselves.

They have no colours of their own, so they look right in light and in dark notebooks. Whatever a value's repr
does (raise, run to megabytes, hold markup), the table stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypeAlias

from livedirs._short import Short

_LONGEST = 100
"""Characters of a key, of a value, and of a list of parents."""

_CELL = "text-align:left;vertical-align:top;padding:.2em .8em .2em 0"
_CAPTION = "caption-side:top;text-align:left;white-space:nowrap;color:inherit"
_LINE = "border-bottom:1px solid"
_FAINT = "opacity:.65"

_Described: TypeAlias = tuple[str, str, int, list[str], tuple[str, str] | None, int]
"""Of a directory: name, kind, keys, parents, the first owner with its key, the number of owners."""

_repr = Short(_LONGEST, levels=3)


def _cut(text: str) -> str:
    """Give the text on one line, not too long, and of characters that can be seen."""
    text = " ".join(text[: 100 * _LONGEST].split())
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _shown(value: object) -> str:
    """Give the repr of a value, short; of one whose repr raises, its type and what it raised."""
    try:
        text = _cut(_repr.repr(value))
    except Exception as error:
        text = _cut(f"<{type(value).__name__}, whose repr raises {type(error).__name__}>")
    return f"<code>{escape(text)}</code>"


def _counted(count: int, what: str, plural: str) -> str:
    return f"{count:,} {what if count == 1 else plural}"


def _faint(text: str) -> str:
    return f'<span style="{_FAINT}">{text}</span>'


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], foot: str) -> str:
    """Put together a table; cells and caption are HTML."""
    head = "".join(f'<th style="{_CELL};{_LINE};{_FAINT};font-weight:normal">{head}</th>' for head in heads)
    parts = [
        '<table style="border-collapse:collapse;border:none">',
        f'<caption style="{_CAPTION}">{caption}</caption>',
    ]
    if rows:
        parts.append(f"<thead><tr>{head}</tr></thead>")
        cells = ("".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows)
        parts.append("<tbody>" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "</tbody>")
    if foot:
        parts.append(
            f'<tfoot><tr><td colspan="{len(heads)}" style="{_CELL}">{_faint(foot)}</td></tr></tfoot>'
        )
    return "\n".join([*parts, "</table>"])


def plain(text: str) -> str:
    """Render what has no rows to show."""
    return f"<code>{escape(_cut(text))}</code>"


def directory(name: str, kind: str, count: int, rows: list[tuple[Any, tuple[Any, ...], int]]) -> str:
    """Render a directory: the number of its keys, and (key, first values, number of values) of the first."""
    keys = "empty" if not count else _counted(count, "key", "keys")
    if kind == "lazy":
        keys = _counted(count, "key", "keys") + " kept"
    cells = []
    for key, values, number in rows:
        shown = [_shown(value) for value in values]
        if number > len(values):
            shown.append(_faint(f"… {_counted(number - len(values), 'more value', 'more values')}"))
        cells.append((_shown(key), "<br/>".join(shown)))
    more = count - len(rows)
    foot = f"… {_counted(more, 'more row', 'more rows')}" if more > 0 and kind != "lazy" else ""
    caption = f"<b>{escape(_cut(name))}</b> {_faint(f'{kind}, {keys}')}"
    return _table(caption, ("key", "value"), cells, foot)


def store(title: str, count: int, rows: list[_Described]) -> str:
    """Render the directories of a store as a tree: `count` in all, the first of them in `rows`."""
    cells = []
    above: list[str] = []
    for name, kind, keys, parents, owner, owners in rows:
        while above and not name.startswith(above[-1]):
            above.pop()
        start = above[-1] if above else ""
        above.append(name)
        indent = f"padding-left:{1.2 * (len(above) - 1):.1f}em"
        text = f"{_faint(escape(_cut(start)))}<b>{escape(_cut(name[len(start) :]))}</b>"
        label = f'<span style="{indent}">{text}</span>'
        by = ""
        if owner is not None:
            by = escape(_cut(f"{owner[0]} for {owner[1]}"))
            by += f" and {_counted(owners - 1, 'other', 'others')}" if owners > 1 else ""
        number = f"{keys:,}" + (" kept" if kind == "lazy" else "")
        cells.append((label, kind, number, escape(_cut(" ".join(parents))), by))
    more = count - len(rows)
    foot = f"… {_counted(more, 'more directory', 'more directories')}" if more > 0 else ""
    caption = escape(_cut(title.strip("<>")))
    return _table(caption, ("directory", "kind", "keys", "from", "made by"), cells, foot)
