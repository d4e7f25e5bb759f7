"""Writes the table of rights into docs/access.md between its two markers; `--check` only compares.

python -m shared.access.documents [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from shared.access.actor import ROLES
from shared.access.rights import rights

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
BEGIN = "<!-- rights: made by `python -m shared.access.documents`; change shared/access/rights.yaml instead -->"
END = "<!-- end of rights -->"
_WORDS = {"any": "all", "own_agency": "own agency", "own": "own"}


def table() -> str:
    """The table of rights as Markdown: an action a line, a role a column."""
    titles = [role.replace("_", " ") for role in ROLES]
    lines = ["| Action | What it is | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles)]
    for name, right in rights().items():
        cells = [_WORDS[right.roles[role]] if role in right.roles else "" for role in ROLES]
        lines.append(f"| `{name}` | {right.names['en']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with the table of today. Raises ValueError when the markers are not there."""
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise ValueError("docs/access.md lacks the markers of the table of rights")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    current = with_table(page)
    if "--check" in arguments:
        if page != current:
            sys.stderr.write("docs/access.md is not current: run python -m shared.access.documents\n")
            return 1
        return 0
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
