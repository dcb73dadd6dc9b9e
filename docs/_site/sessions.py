"""Sessions with prompts: doctests on a page; on the site something that one copies and pastes at a prompt."""

import codeop
import re

SESSION = re.compile(r"^```python(?P<block>[^\n]*\n>>> .*?^```$)", re.MULTILINE | re.DOTALL)
STATEMENT = re.compile(r"^>>> .*\n(?:\.\.\..*\n)*", re.MULTILINE)


def closed(statement: re.Match[str]) -> str:
    """A compound statement with the empty line after it that a prompt waits for; a doctest does without."""
    lines = "\n".join(line[4:] for line in statement[0].splitlines())
    return statement[0] if codeop.compile_command(lines) else statement[0] + "...\n"


def typed(block: re.Match[str]) -> str:
    return "```pycon" + STATEMENT.sub(closed, block["block"])
