"""The kinds of agency there are in a city, from agency_kinds.yaml. The agencies themselves are services/directory's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.domain.data import FOLDER, names, read


@dataclass(frozen=True)
class AgencyKind:
    """A kind of agency: what it is called and does (by language), its pentahelix sector, the services it may offer."""

    code: str
    names: Mapping[str, str]
    does: Mapping[str, str]
    sector: str
    services: tuple[str, ...]
    source: str
    unconfirmed: bool = False


def agency_kinds() -> dict[str, AgencyKind]:
    """All kinds by code, in the order of the file."""
    return dict(_agency_kinds())


def services_given(agency: Mapping[str, Any]) -> tuple[str, ...]:
    """The services (codes) that an agency (`kind`, `services`) gives: those that it names, or all that its kind may."""
    named = agency.get("services")
    if named:
        return tuple(named)
    kind = _agency_kinds().get(agency["kind"])
    return kind.services if kind else ()


def areas_served(agency: Mapping[str, Any]) -> tuple[str, ...]:
    """The kecamatan (codes) that an agency (`kecamatan`, `areas`) serves; empty for the whole city.

    One that was written down before there were areas serves the kecamatan that stands there, as it did then.
    """
    areas = agency.get("areas")
    if areas is None:
        return (agency["kecamatan"],) if agency["kecamatan"] else ()
    return tuple(areas)


@cache
def _agency_kinds() -> dict[str, AgencyKind]:
    return {
        code: AgencyKind(
            code=code,
            names=names(entry["name"], f"agency_kinds.yaml: {code}.name"),
            does=names(entry["does"], f"agency_kinds.yaml: {code}.does"),
            sector=entry["sector"],
            services=tuple(entry["services"]),
            source=entry["source"],
            unconfirmed=entry.get("unconfirmed", False),
        )
        for code, entry in read(FOLDER / "agency_kinds.yaml").items()
    }
