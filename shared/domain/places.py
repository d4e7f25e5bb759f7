"""The city, its kecamatan (districts) and kelurahan (urban villages), from places.yaml.

It knows codes and names, no coordinates and no addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.domain.data import FOLDER, DomainDataError, read


@dataclass(frozen=True)
class City:
    """The city that this instance serves; `code` as in `33.75`."""

    code: str
    name: str
    province: str


@dataclass(frozen=True)
class Kecamatan:
    """A district of the city; `code` as in `33.75.01`."""

    code: str
    name: str


@dataclass(frozen=True)
class Kelurahan:
    """An urban village; `code` as in `33.75.01.1002`, `kecamatan` the code of its district."""

    code: str
    name: str
    kecamatan: str


def city() -> City:
    """The city of this instance."""
    return City(**_file()["city"])


def kecamatans() -> dict[str, Kecamatan]:
    """All kecamatan by code, in the order of their codes."""
    return dict(_kecamatans())


def kelurahans(kecamatan: str | None = None) -> dict[str, Kelurahan]:
    """All kelurahan by code, or those of one kecamatan. Raises KeyError for an unknown kecamatan."""
    if kecamatan is None:
        return dict(_kelurahans())
    _kecamatans()[kecamatan]
    return {code: place for code, place in _kelurahans().items() if place.kecamatan == kecamatan}


def kecamatan_of(kelurahan: str) -> Kecamatan:
    """The kecamatan in which a kelurahan lies. Raises KeyError for an unknown kelurahan."""
    return _kecamatans()[_kelurahans()[kelurahan].kecamatan]


@cache
def _file() -> Any:
    return read(FOLDER / "places.yaml")


@cache
def _kecamatans() -> dict[str, Kecamatan]:
    found = {entry["code"]: Kecamatan(entry["code"], entry["name"]) for entry in _file()["kecamatan"]}
    return {code: found[code] for code in sorted(found)}


@cache
def _kelurahans() -> dict[str, Kelurahan]:
    found: dict[str, Kelurahan] = {}
    for district in _file()["kecamatan"]:
        for code, name in district["kelurahan"].items():
            if not code.startswith(f"{district['code']}."):
                raise DomainDataError(f"places.yaml: kelurahan {code} does not lie in {district['code']}")
            found[code] = Kelurahan(code, name, district["code"])
    return {code: found[code] for code in sorted(found)}
