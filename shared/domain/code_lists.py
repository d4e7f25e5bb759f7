"""Lists of codes with their names in both languages, from codes.yaml, agency_kinds.yaml and places.yaml.

It holds no rule about the codes; what follows from them is decided in the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from shared.domain.agencies import agency_kinds
from shared.domain.data import FOLDER, LANGUAGES, DomainDataError, names, read
from shared.domain.places import kecamatans, kelurahans

#: (code, first age, last age) in whole years.
_AGE_BANDS = (("age_0_4", 0, 4), ("age_5_12", 5, 12), ("age_13_14", 13, 14), ("age_15_17", 15, 17))


@dataclass(frozen=True)
class Code:
    """One code of a list. `names` and `examples` are by language; `unconfirmed` says that no source confirmed it."""

    code: str
    names: Mapping[str, str]
    source: str = ""
    unconfirmed: bool = False
    examples: Mapping[str, str] = field(default_factory=dict)
    examples_unconfirmed: Mapping[str, str] = field(default_factory=dict)


def kinds() -> tuple[str, ...]:
    """The names of all lists."""
    return tuple(_lists())


def codes(kind: str) -> dict[str, Code]:
    """A list's codes in the order in which people see them. Raises KeyError for an unknown list."""
    return dict(_lists()[kind])


def label(kind: str, code: str, language: str) -> str:
    """What a code is called in `id` or `en`. Raises KeyError for an unknown list, code or language."""
    return _lists()[kind][code].names[language]


def age_band(age_years: int | None) -> str:
    """The age band (code) in which an age in whole years falls; `unknown` for None."""
    if age_years is None:
        return "unknown"
    return next((code for code, first, last in _AGE_BANDS if first <= age_years <= last), "age_18_plus")


@cache
def _lists() -> dict[str, dict[str, Code]]:
    lists = {
        kind: {code: _code(kind, code, entry, content.get("source", "")) for code, entry in content["codes"].items()}
        for kind, content in read(FOLDER / "codes.yaml").items()
    }
    lists["agency_kind"] = {
        kind.code: Code(kind.code, kind.names, kind.source, kind.unconfirmed) for kind in agency_kinds().values()
    }
    for kind, places in (("kecamatan", kecamatans()), ("kelurahan", kelurahans())):
        lists[kind] = {code: Code(code, dict.fromkeys(LANGUAGES, place.name)) for code, place in places.items()}
    return lists


def _code(kind: str, code: Any, entry: Mapping[str, Any], source: str) -> Code:
    where = f"codes.yaml: {kind}.{code}"
    if not isinstance(code, str):
        raise DomainDataError(f"{where}: a code is text; put it in quotes")
    optional = {name: names(entry[name], where) for name in ("examples", "examples_unconfirmed") if name in entry}
    return Code(code, names(entry, where), entry.get("source", source), entry.get("unconfirmed", False), **optional)
