"""The data that all services agree on is complete, in both languages, and says no more than it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import domain
from shared.access.actor import ROLES
from shared.domain import data


def test_kota_pekalongan_has_four_kecamatan_and_twenty_seven_kelurahan() -> None:
    assert domain.city().code == "33.75"
    assert [place.name for place in domain.kecamatans().values()] == [
        "Pekalongan Barat",
        "Pekalongan Timur",
        "Pekalongan Utara",
        "Pekalongan Selatan",
    ]
    assert {code: len(domain.kelurahans(code)) for code in domain.kecamatans()} == {
        "33.75.01": 7,
        "33.75.02": 7,
        "33.75.03": 7,
        "33.75.04": 6,
    }
    assert len(domain.kelurahans()) == 27


def test_a_kelurahan_knows_its_kecamatan() -> None:
    assert domain.kelurahans()["33.75.03.1002"].name == "Krapyak"
    assert domain.kecamatan_of("33.75.03.1002").name == "Pekalongan Utara"
    for unknown in (lambda: domain.kecamatan_of("33.75.03.9999"), lambda: domain.kelurahans("33.76.01")):
        with pytest.raises(KeyError):
            unknown()


def test_nobody_can_change_the_shared_data_by_accident() -> None:
    domain.kelurahans().clear()
    domain.codes("sex").clear()
    domain.agency_kinds().clear()
    assert not hasattr(domain.identifying_fields("person"), "clear")
    assert domain.kelurahans()
    assert domain.codes("sex")
    assert domain.agency_kinds()
    assert domain.identifying_fields("person")


@pytest.mark.parametrize("kind", domain.kinds())
def test_every_code_has_its_name_in_both_languages(kind: str) -> None:
    assert domain.codes(kind)
    for code, entry in domain.codes(kind).items():
        assert entry.code == code
        for language in domain.LANGUAGES:
            assert domain.label(kind, code, language).strip()
    for language in domain.LANGUAGES:
        labels = [domain.label(kind, code, language) for code in domain.codes(kind)]
        assert len(set(labels)) == len(labels), f"two codes of {kind} look alike in {language}"


def test_labels_come_in_the_language_that_is_asked_for() -> None:
    assert domain.label("work_type", "fish_processing", "id") == "Pengolahan ikan"
    assert domain.label("work_type", "fish_processing", "en") == "Fish processing"
    with pytest.raises(KeyError):
        domain.label("work_type", "fish_processing", "xx")


def test_hazards_are_those_of_the_annex_and_mark_what_is_not_confirmed() -> None:
    hazards = domain.codes("hazard")
    assert list(hazards) == ["A1", "A2", "A3", "A4", "A5", "B"]
    assert "batik" in hazards["A3"].examples_unconfirmed["en"]
    assert not hazards["A3"].examples


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, "unknown"),
        (0, "age_0_4"),
        (4, "age_0_4"),
        (5, "age_5_12"),
        (12, "age_5_12"),
        (13, "age_13_14"),
        (14, "age_13_14"),
        (15, "age_15_17"),
        (17, "age_15_17"),
        (18, "age_18_plus"),
        (70, "age_18_plus"),
    ],
)
def test_ages_fall_into_the_bands_of_the_statistics(age: int | None, band: str) -> None:
    assert domain.age_band(age) == band
    assert band in domain.codes("age_band")


def test_agency_kinds_name_known_sectors_and_services() -> None:
    kinds = domain.agency_kinds()
    assert {"dpmppa", "uptd_ppa", "labour_inspectorate", "police_ppa", "apsai_company", "hotline"} <= set(kinds)
    for kind in kinds.values():
        assert kind.sector in domain.codes("sector")
        assert set(kind.services) <= set(domain.codes("service_kind"))
        assert kind.source
        assert all(kind.does[language] for language in domain.LANGUAGES)


def test_an_agency_gives_what_it_names_or_all_that_its_kind_may() -> None:
    assert domain.services_given({"kind": "social_office", "services": ["shelter"]}) == ("shelter",)
    for nothing_named in ({}, {"services": []}, {"services": None}):
        given = domain.services_given({"kind": "social_office", **nothing_named})
        assert given == domain.agency_kinds()["social_office"].services
    assert domain.services_given({"kind": "other"}) == (), "a kind without services: each agency names its own"
    assert domain.services_given({"kind": "moon_office"}) == (), "a code that is newer than we are"


def test_an_agency_of_before_there_were_areas_serves_the_kecamatan_that_stands_there() -> None:
    """Seen to fail with `agency.get("areas", ())`: what is stored of a city would serve everywhere."""
    assert domain.areas_served({"kecamatan": "33.75.01"}) == ("33.75.01",)
    assert domain.areas_served({"kecamatan": None}) == ()
    assert domain.areas_served({"kecamatan": "33.75.01", "areas": []}) == (), "an office in one, for the whole city"
    assert domain.areas_served({"kecamatan": "33.75.01", "areas": ["33.75.02"]}) == ("33.75.02",)


def test_identifying_fields_are_declared_with_basis_and_readers() -> None:
    assert list(domain.identifying_fields("person")) == [
        *("name", "alias", "nik", "birth_date", "guardian_name", "guardian_phone", "address", "school", "phone")
    ]
    assert list(domain.identifying_fields("report")) == [
        *("reporter_name", "reporter_phone", "narrative", "workplace_name", "workplace_address"),
        *("transfer_office", "transfer_reference"),
    ]
    assert list(domain.identifying_fields("attachment")) == ["file_name", "description", "content"]
    for owner in ("person", "report", "attachment"):
        for field in domain.identifying_fields(owner).values():
            assert field.owner == owner
            assert all(field.names[language] and field.legal_basis[language] for language in domain.LANGUAGES)
            assert set(field.readers) <= set(ROLES) - {"administrator", "analyst", "partner_agency"}
    with pytest.raises(KeyError):
        domain.identifying_fields("case")


def test_a_name_that_is_missing_is_an_error_that_says_where() -> None:
    for entry in ({"id": "Batik"}, {"id": "Batik", "en": " "}, {"id": "Batik", "en": False}):
        with pytest.raises(domain.DomainDataError, match=r"codes\.yaml: x\.y: no name in 'en'"):
            data.names(entry, "codes.yaml: x.y")


def test_a_code_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "codes.yaml"
    file.write_text("sex:\n  male: {}\n  female: {}\n  male: {}\n")
    with pytest.raises(domain.DomainDataError, match="male stands twice"):
        data.read(file)
