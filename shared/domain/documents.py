"""Writes docs/privacy.md from identifying.yaml and holdings.yaml; `--check` only compares.

python -m shared.domain.documents [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from shared.domain.data import FOLDER, read
from shared.domain.identifying import OWNERS, identifying_fields

PAGE = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"
_OWNERS = {
    "person": "a child or another person in a report",
    "report": "a report as a whole",
    "attachment": "a photograph or paper",
}
_HEAD = """# What is held about people

<!-- made by `python -m shared.domain.documents`; change shared/domain/identifying.yaml or holdings.yaml instead -->

For the data protection officer: what this product holds about people, why, on which legal basis, who may read it, and
how long. It is made from the very declarations by which the vault works: a field that is not declared cannot be stored,
and a role that is not named here is not shown the field, on any page or by any interface.
"""
_UNCONFIRMED = """
"(ours)" marks a basis or a period that no source confirmed: the city decides it, in `shared/domain/identifying.yaml`,
before it works with real reports. What ends with a period is not removed by itself yet.
"""


def page() -> str:
    """The whole document as Markdown."""
    return "\n".join([_HEAD, *_identifying(), _UNCONFIRMED, *_others()]) + "\n"


def _identifying() -> Iterator[str]:
    yield "## What identifies somebody (sealed in the vault)\n"
    for owner in OWNERS:
        yield f"### Of {_OWNERS[owner]}\n"
        yield "| Field | Indonesian | Legal basis | Open to | Kept |"
        yield "|---|---|---|---|---|"
        for field in identifying_fields(owner).values():
            ours = " (ours)" if field.unconfirmed else ""
            period = f"{field.retention_months} months after {field.retention_from.replace('_', ' ')}{ours}"
            readers = ", ".join(role.replace("_", " ") for role in field.readers)
            named = f"{field.names['en']} (`{owner}.{field.field}`)"
            cells = (named, field.names["id"], f"{field.legal_basis['en']}{ours}", readers, period)
            yield f"| {' | '.join(cells)} |"
        yield ""
    sources = {field.source for owner in OWNERS for field in identifying_fields(owner).values()}
    yield "Where the bases are written: " + " · ".join(sorted(sources)) + ".\n"
    yield "Each value is sealed under a key of that person or report; every opening is recorded before it is shown."


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
