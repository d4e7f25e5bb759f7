"""A demonstration city's agencies, companies and accounts: invented, and marked "(contoh)", which means example.

Loading it again adds nothing. A live instance refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.directory import commands, store
from services.directory.setup import DEMONSTRATION, SETUP, set_mode
from shared.domain import agency_kinds, city, kecamatans
from shared.foundation import Foundation
from shared.ids import derived_id
from shared.journal import VersionConflict

#: Known to everybody, and refused for every real account (shared/access/easy_words.txt).
DEMONSTRATION_PASSWORD = "contoh-rujukan-2026"  # noqa: S105 # pragma: allowlist secret


@dataclass(frozen=True)
class DemonstrationAccount:
    """One account to try the product with."""

    role: str
    email: str
    name: str
    agency_kind: str
    password: str = DEMONSTRATION_PASSWORD


DEMONSTRATION_ACCOUNTS = (
    DemonstrationAccount("intake_clerk", "petugas@contoh.rujukan.test", "Petugas Penerima (contoh)", "uptd_ppa"),
    DemonstrationAccount("case_worker", "pendamping@contoh.rujukan.test", "Pendamping Kasus (contoh)", "uptd_ppa"),
    DemonstrationAccount("supervisor", "penyelia@contoh.rujukan.test", "Penyelia Layanan (contoh)", "dpmppa"),
    DemonstrationAccount(
        "partner_agency", "puskesmas@contoh.rujukan.test", "Petugas Puskesmas (contoh)", "health_centre"
    ),
    DemonstrationAccount(
        "partner_agency", "mitra@contoh.rujukan.test", "Petugas Dinas Pendidikan (contoh)", "education_office"
    ),
    DemonstrationAccount("analyst", "analis@contoh.rujukan.test", "Analis Data (contoh)", "dpmppa"),
    DemonstrationAccount("administrator", "admin@contoh.rujukan.test", "Administrator (contoh)", "dpmppa"),
)

#: What offices of a kind are called in a city; {city} is its name. A kind that is not here is called as its kind is.
_AGENCY_NAMES = {
    "dpmppa": "DPMPPA {city}",
    "uptd_ppa": "UPTD PPA {city}",
    "labour_inspectorate": "Satuan Pengawasan Ketenagakerjaan Wilayah {city}",
    "education_office": "Dinas Pendidikan {city}",
    "religious_affairs": "Kantor Kementerian Agama {city}",
    "learning_centre": "PKBM Cahaya Pesisir",
    "social_office": "Dinas Sosial {city}",
    "health_centre": "Puskesmas Bendan",
    "police_ppa": "Unit PPA Polres {city}",
    "legal_aid": "LBH Sahabat Anak",
    "patbm": "PATBM Kelurahan Krapyak",
    "apsai_company": "Sekretariat APSAI {city}",
    "hotline": "SAPA 129",
}

#: How many referrals they take at a time; who is not here has no limit.
_CAPACITIES = {
    "uptd_ppa": 12,
    "labour_inspectorate": 8,
    "education_office": 40,
    "religious_affairs": 15,
    "learning_centre": 20,
    "social_office": 15,
    "health_centre": 10,
    "police_ppa": 10,
    "legal_aid": 6,
    "apsai_company": 5,
}
#: Who does not give everything that an agency of its kind may give. The only shelter is that of the service unit.
_SERVICES = {
    "social_office": ["social_rehabilitation", "social_reintegration", "repatriation"],
    "apsai_company": ["education"],
}
_COMPANIES = (
    ("Batik Canting Lestari", "private", ["policy", "programme"]),
    ("Mina Bahari Sejahtera", "private", ["product"]),
    ("Perumda Air Minum", "municipal", ["policy", "programme"]),
    ("Tenun Pesisir Makmur", "private", ["programme"]),
    ("Bank Perkreditan Kota", "municipal", ["policy", "product", "programme"]),
)


def seed(foundation: Foundation) -> dict[str, int]:
    """Load the demonstration's directory. Returns how many entries of each kind are new.

    Raises MixedData on a live instance.
    """
    set_mode(foundation, DEMONSTRATION)
    added = {"agencies": 0, "companies": 0, "accounts": 0}
    for identifier, facts in _agencies():
        added["agencies"] += _register(foundation, "agency", identifier, facts)
    for identifier, facts in _companies():
        added["companies"] += _register(foundation, "company", identifier, facts)
    for account in DEMONSTRATION_ACCOUNTS:
        added["accounts"] += _open(foundation, account)
    return added


def agency_id(kind: str) -> str:
    """The id of the demonstration's agency of a kind."""
    return derived_id("agency", "demonstration", kind)


def _agencies() -> Iterator[tuple[str, dict[str, Any]]]:
    """One of each kind for the whole city, but for a community group; and a health centre in every other kecamatan."""
    places = list(kecamatans())
    offices = {"health_centre": places[0], "patbm": places[2 % len(places)]}
    for kind in agency_kinds().values():
        name = _AGENCY_NAMES.get(kind.code, kind.names["id"]).format(city=city().name)
        office = offices.get(kind.code)
        yield (
            agency_id(kind.code),
            _agency(kind.code, name, office, [office] if office and kind.code == "patbm" else []),
        )
    for place in places[1:]:
        name = f"Puskesmas {kecamatans()[place].name}"
        identifier = derived_id("agency", "demonstration", "health_centre", place)
        yield identifier, _agency("health_centre", name, place, [place])


def _agency(kind: str, name: str, office: str | None, areas: list[str]) -> dict[str, Any]:
    return {
        "name": f"{name} (contoh)",
        "kind": kind,
        "services": _SERVICES.get(kind, []),
        "areas": areas,
        "capacity": _CAPACITIES.get(kind),
        "kecamatan": office,
        "phone": None,
        "email": None,
        "active": True,
        "demonstration": True,
    }


def _companies() -> Iterator[tuple[str, dict[str, Any]]]:
    places = list(kecamatans())
    for number, (name, ownership, partnership) in enumerate(_COMPANIES):
        facts = {"name": f"{name} (contoh)", "ownership": ownership, "partnership": partnership}
        place = places[number % len(places)]
        yield (
            derived_id("company", "demonstration", name),
            {**facts, "kecamatan": place, "active": True, "demonstration": True},
        )


def _register(foundation: Foundation, thing: str, identifier: str, facts: dict[str, Any]) -> bool:
    if store.get(foundation.database, thing, identifier):
        return False
    try:
        commands.register(foundation, SETUP, thing, facts, identifier=identifier)
    except VersionConflict:
        return False  # another start of the same instance was quicker
    return True


def _open(foundation: Foundation, account: DemonstrationAccount) -> bool:
    database = foundation.database
    person_id = derived_id("staff", "demonstration", account.email)
    account_id = derived_id("account", "demonstration", account.email)
    if store.get(database, "account", account_id):
        return False
    if not store.get(database, "person", person_id):
        facts = {"name": account.name, "email": account.email, "agency_id": agency_id(account.agency_kind)}
        commands.register_person(foundation, SETUP, {**facts, "demonstration": True}, identifier=person_id)
    facts = {"person_id": person_id, "role": account.role, "password": account.password}
    commands.open_account(foundation, SETUP, facts, identifier=account_id, demonstration=True)
    return True
