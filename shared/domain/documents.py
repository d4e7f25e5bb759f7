"""Writes docs/privacy.md from identifying.yaml, retention.yaml and holdings.yaml; `--check` only compares.

python -m shared.domain.documents [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from shared.domain.data import FOLDER, read
from shared.domain.identifying import OWNERS, identifying_fields
from shared.domain.retention import retention

PAGE = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"
_OWNERS = {
    "person": "a child or another person in a report",
    "report": "a report as a whole",
    "attachment": "a photograph or paper",
}
_HEAD = """# What is held about people

<!-- made by `python -m shared.domain.documents`; change shared/domain/*.yaml instead -->

For the data protection officer: what this product holds about people, why, on which legal basis, who may read it, and
how long. It is made from the very declarations by which the vault works: a field that is not declared cannot be stored,
and a role that is not named here is not shown the field, on any page or by any interface.
"""
_UNCONFIRMED = """
"(ours)" marks a basis or a period that no source confirmed: the city decides it, in
`shared/domain/identifying.yaml` and `retention.yaml`, before it works with real reports.
"""


def page() -> str:
    """The whole document as Markdown."""
    return "\n".join([_HEAD, *_identifying(), *_periods(), _UNCONFIRMED, *_others()]) + "\n"


def _identifying() -> Iterator[str]:
    yield "## What identifies somebody (sealed in the vault)\n"
    for owner in OWNERS:
        yield f"### Of {_OWNERS[owner]}\n"
        yield "| Field | Indonesian | Legal basis | Open to | How long, until a person approves |"
        yield "|---|---|---|---|---|"
        for field in identifying_fields(owner).values():
            ours = " (ours)" if field.unconfirmed else ""
            by_role = [role.replace("_", " ") for role in field.readers]
            by_referral = [f"{role.replace('_', ' ')} (by a referral)" for role in field.referred]
            readers = ", ".join([*by_role, *by_referral])
            named = f"{field.names['en']} (`{owner}.{field.field}`)"
            cells = (named, field.names["id"], f"{field.legal_basis['en']}{ours}", readers, _kept(owner))
            yield f"| {' | '.join(cells)} |"
        yield ""
    sources = {field.source for owner in OWNERS for field in identifying_fields(owner).values()}
    yield "Where the bases are written: " + " · ".join(sorted(sources)) + ".\n"
    yield "Each value is sealed under a key of that person or report; every opening is recorded before it is shown."


def _kept(owner: str) -> str:
    """How long the fields of an owner are kept, by the rules of retention: `_periods` says which rule fits."""
    if owner == "person":
        ours = " (ours)" if any(rule.unconfirmed for rule in retention().rules.values()) else ""
        return f"{retention().shortest} to {retention().longest} months after its case ended, by how it ended{ours}"
    return "as the child of the report that is kept longest"


def _periods() -> Iterator[str]:
    yield "\n## How long it is kept\n"
    yield "| What | Indonesian | Erased, if a person approves | Legal basis |"
    yield "|---|---|---|---|"
    for rule in retention().rules.values():
        ours = " (ours)" if rule.unconfirmed else ""
        period = f"{rule.months} months after the case ended{ours}"
        yield f"| {rule.names['en']} | {rule.names['id']} | {period} | {rule.legal_basis['en']}{ours} |"
    yield f"""
The first line that fits a case counts, for what identifies its child. What stands in a report as a whole, and its
files, are kept until the periods of all its cases are over and nothing identifies a child of it any more.

Once a day the product looks for what is over and proposes to erase it. A supervisor approves, or keeps it longer with
a reason and a day; nothing is erased without that. What is approved is erased {retention().wait_hours} hours later at
the earliest, with a receipt. A case that is opened again, and a hold on the report, withdraw the proposal
([how](operators.md#when-the-time-to-keep-is-over), [why](decisions/0032-retention.md))."""


def _others() -> Iterator[str]:
    yield "## What else is held\n"
    yield "| What | Indonesian | Where | Why | Open to | Kept |"
    yield "|---|---|---|---|---|---|"
    for entry in read(FOLDER / "holdings.yaml")["holdings"].values():
        readers = ", ".join(role.replace("_", " ") for role in entry["readers"]) or "nobody, by any page"
        cells = (entry["en"], entry["id"], entry["where"], entry["why"], readers, entry["kept"])
        yield f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    current = page()
    if "--check" in arguments:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != current:
            sys.stderr.write("docs/privacy.md is not current: run python -m shared.domain.documents\n")
            return 1
        return 0
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
