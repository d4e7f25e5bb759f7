"""Writes the tables of rights and of fields into docs/access.md between their markers; `--check` only compares.

python -m shared.access.documents [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from shared.access.rights import rights
from shared.domain import identifying_fields
from shared.domain.identifying import OWNERS, IdentifyingField
from shared.domain.roles import ROLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
BEGIN = "<!-- rights: made by `python -m shared.access.documents`; change shared/access/rights.yaml instead -->"
END = "<!-- end of rights -->"
FIELDS_BEGIN = (
    "<!-- fields: made by `python -m shared.access.documents`; change shared/domain/identifying.yaml instead -->"
)
FIELDS_END = "<!-- end of fields -->"
_WORDS = {"any": "all", "own_agency": "own agency", "own": "own", "needed": "when needed"}


def table() -> str:
    """The table of rights as Markdown: an action a line, a role a column."""
    titles = [role.replace("_", " ") for role in ROLES]
    lines = ["| Action | What it is | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles)]
    for name, right in rights().items():
        cells = [_WORDS[right.roles[role]] if role in right.roles else "" for role in ROLES]
        lines.append(f"| `{name}` | {right.names['en']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fields_table() -> str:
    """Which identifying field is open to which role, as Markdown."""
    lines = ["| Field | " + " | ".join(role.replace("_", " ") for role in ROLES) + " |", "|---|" + "---|" * len(ROLES)]
    for owner in OWNERS:
        for field in identifying_fields(owner).values():
            cells = [_cell(field, role) for role in ROLES]
            lines.append(f"| `{owner}.{field.field}` {field.names['en']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(field: IdentifyingField, role: str) -> str:
    if role in field.readers:
        return "yes"
    return "by a referral" if role in field.referred else ""


def with_tables(page: str) -> str:
    """The page with the tables of today. Raises ValueError when the markers are not there."""
    return _between(_between(page, BEGIN, END, table()), FIELDS_BEGIN, FIELDS_END, fields_table())


def _between(page: str, begin: str, end: str, content: str) -> str:
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"docs/access.md lacks the marker {begin if not found_begin else end}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    current = with_tables(page)
    if "--check" in arguments:
        if page != current:
            sys.stderr.write("docs/access.md is not current: run python -m shared.access.documents\n")
            return 1
        return 0
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
