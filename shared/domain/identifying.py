"""What counts as identifying, from identifying.yaml: the fields that the vault may seal, why, for whom.

It neither seals nor decides who may read; shared.vault and shared.access do. How long: retention.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from shared.domain.data import FOLDER, DomainDataError, names, read

#: What an identifying value can belong to; a vault subject's id begins with it (`person-<hex>`).
OWNERS = ("person", "report", "attachment")


@dataclass(frozen=True)
class IdentifyingField:
    """A field that can identify somebody.

    `owner` is one of OWNERS; `names` and `legal_basis` are by language, `source` says where it is written;
    `readers` are roles, `referred` those to whom a referral opens it, if its kind says so; `unconfirmed` says that no
    source confirmed the basis.
    """

    field: str
    owner: str
    names: Mapping[str, str]
    legal_basis: Mapping[str, str]
    source: str
    readers: tuple[str, ...]
    referred: tuple[str, ...]
    unconfirmed: bool


def identifying_fields(owner: str) -> Mapping[str, IdentifyingField]:
    """The identifying fields of one of OWNERS, by name. Raises KeyError for another owner."""
    return MappingProxyType(_fields()[owner])


@cache
def _fields() -> dict[str, dict[str, IdentifyingField]]:
    file = read(FOLDER / "identifying.yaml")
    if tuple(file["fields"]) != OWNERS:
        raise DomainDataError(f"identifying.yaml: fields belong to {', '.join(OWNERS)}, each once")
    found: dict[str, dict[str, IdentifyingField]] = {owner: {} for owner in OWNERS}
    for owner, fields in file["fields"].items():
        for name, entry in fields.items():
            where = f"identifying.yaml: {owner}.{name}"
            basis = file["bases"][entry["basis"]]
            found[owner][name] = IdentifyingField(
                field=name,
                owner=owner,
                names=names(entry, where),
                legal_basis=names(basis, f"identifying.yaml: bases.{entry['basis']}"),
                source=basis["source"],
                readers=tuple(entry["readers"]),
                referred=tuple(entry.get("referred", ())),
                unconfirmed=basis.get("unconfirmed", False),
            )
    return found
