"""Writes the tables of rights, and of what each role sees of a case, into docs/access.md between their markers;
`--check` only compares.

python -m shared.access.documents [--check]
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import yaml

from shared.access.rights import rights
from shared.domain import identifying_fields
from shared.domain.identifying import OWNERS, IdentifyingField
from shared.domain.roles import ROLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
BEGIN = "<!-- rights: made by `python -m shared.access.documents`; change shared/access/rights.yaml instead -->"
END = "<!-- end of rights -->"
SEEN_BEGIN = (
    "<!-- seen: made by `python -m shared.access.documents`; change rights.yaml, identifying.yaml or the workflow -->"
)
SEEN_END = "<!-- end of seen -->"
_WORDS = {
    "any": "all",
    "own_agency": "own agency",
    "own": "own",
    "needed": "when needed",
    "area": "own area",
    "assigned": "when assigned",
}
#: The definition of the referrals; shared knows no service, and reads its data as a document does.
WORKFLOW = PAGE.parents[1] / "services/cases/workflows/child_labour_referral.yaml"
#: What there is to see of a case without identities, by the right that shows it.
WITHOUT_IDENTITIES = {
    "report.read": "The report: number, place, codes, classes",
    "case.read": "The case: stage, facts, deadlines, consents, referrals, history, whose it is",
    "referral.read": "A referral: kind, state, deadline, urgency, kecamatan",
}
#: Where an identifying field of an owner can be opened, by the right that opens it.
OPENED_BY = {
    "person": {"report": "report.read_identity", "case": "case.read_identity"},
    "report": {"report": "report.read_identity", "case": "case.read_identity"},
    "attachment": {"report": "attachment.read"},
}
REFERRAL = "referral.read_identity"


def table() -> str:
    """The table of rights as Markdown: an action a line, a role a column."""
    titles = [role.replace("_", " ") for role in ROLES]
    lines = ["| Action | What it is | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles)]
    for name, right in rights().items():
        cells = [_WORDS[right.roles[role]] if role in right.roles else "" for role in ROLES]
        lines.append(f"| `{name}` | {right.names['en']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def seen_table() -> str:
    """What each role sees of a case, part by part and field by field, and of which cases, as Markdown."""
    lines = ["| What | " + " | ".join(role.replace("_", " ") for role in ROLES) + " |", "|---|" + "---|" * len(ROLES)]
    for action, what in WITHOUT_IDENTITIES.items():
        lines.append(f"| {what} | " + " | ".join(_scope(action, role) for role in ROLES) + " |")
    for owner in OWNERS:
        for field in identifying_fields(owner).values():
            cells = [_opened(field, role) for role in ROLES]
            lines.append(f"| `{owner}.{field.field}` {field.names['en']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _scope(action: str, role: str) -> str:
    scope = rights()[action].roles.get(role)
    return "" if scope is None else _WORDS[scope]


def _opened(field: IdentifyingField, role: str) -> str:
    """By which ways a field is open to a role: with the report, with the case, by which kinds of referral."""
    if role in field.readers:
        ways = {where: _scope(action, role) for where, action in OPENED_BY[field.owner].items()}
        return "; ".join(f"{where}: {scope}" for where, scope in ways.items() if scope)
    if role in field.referred and _scope(REFERRAL, role):
        return "referral: " + (", ".join(kind for kind, sees in _sees().items() if field.field in sees) or "no kind")
    return ""


@cache
def _sees() -> dict[str, list[str]]:
    """Kind of referral -> the identifying fields that it opens, by the definition that is shipped."""
    definition = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return {kind: entry.get("sees", []) for kind, entry in definition["referrals"].items()}


def with_tables(page: str) -> str:
    """The page with the tables of today. Raises ValueError when the markers are not there."""
    return _between(_between(page, BEGIN, END, table()), SEEN_BEGIN, SEEN_END, seen_table())


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
