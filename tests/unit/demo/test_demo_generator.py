"""The demonstration's reports are invented, marked as such, repeatable, and look like a city's."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from stdnum.id import nik

from deploy.demo import generate
from services.intake.model import classify, facts_of, rules_on
from shared import domain

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def reports() -> list[dict]:
    return list(generate(seed=7, count=360, today=TODAY))


def test_the_same_seed_gives_the_same_reports_whatever_the_count(reports: list[dict]) -> None:
    assert list(generate(seed=7, count=40, today=TODAY)) == reports[:40]
    assert list(generate(seed=8, count=40, today=TODAY)) != reports[:40]


def test_reports_use_only_codes_that_exist(reports: list[dict]) -> None:
    lists = {name: set(domain.codes(name)) for name in domain.kinds()}
    for report in reports:
        assert report["channel"] in lists["channel"]
        assert report["kelurahan"] in lists["kelurahan"]
        assert report["work_type"] in lists["work_type"]
        assert set(report["work"].get("hazards", ())) <= lists["hazard"]
        assert set(report["work"].get("worst_forms", ())) <= lists["worst_form"]
        assert 1 <= len(report["children"]) <= 20
        for child in report["children"]:
            assert child["sex"] in lists["sex"]
            assert child["school_attendance"] in lists["school_attendance"]


def test_everything_is_marked_as_invented(reports: list[dict]) -> None:
    for report in reports:
        assert report["demonstration"] is True
        assert report["narrative"].startswith("[DATA CONTOH]")
        people = [report["reporter"].get("name"), *(child.get("name") for child in report["children"])]
        people += [child.get("guardian_name") for child in report["children"]]
        assert all(name.endswith(" Contoh") for name in people if name)
        phones = [report["reporter"].get("phone"), *(child.get("guardian_phone") for child in report["children"])]
        assert all(phone.startswith("0800-0000-") for phone in phones if phone)
        places = [child.get(field) for child in report["children"] for field in ("address", "school")]
        places += list(report.get("workplace", {}).values())
        assert all("Contoh" in place for place in places if place)


def test_a_nik_has_its_form_but_belongs_to_nobody(reports: list[dict]) -> None:
    seen = 0
    for report in reports:
        received = date.fromisoformat(report["received_on"])
        for child in report["children"]:
            if "nik" in child:
                seen += 1
                born = nik.get_birth_date(nik.validate(child["nik"]), minyear=1990)
                born = born.replace(year=born.year % 100 + 2000)
                age = received.year - born.year - ((received.month, received.day) < (born.month, born.day))
                assert age == child["age_years"]
                assert child["nik"].endswith("0000")
    assert seen > 20


def test_reports_lie_in_the_two_years_that_end_today(reports: list[dict]) -> None:
    days = [date.fromisoformat(report["received_on"]) for report in reports]
    assert max(days) <= TODAY
    assert (TODAY - min(days)).days <= 730
    months = {(day.year, day.month) for day in days}
    assert len(months) >= 24
    assert sum(day.year == 2026 for day in days) > sum(day.year == 2025 for day in days) * 0.8


def test_the_city_is_recognisable(reports: list[dict]) -> None:
    work = Counter(report["work_type"] for report in reports)
    assert work.most_common(1)[0][0] == "batik"
    fish = Counter(report["kelurahan"][:8] for report in reports if report["work_type"] == "fish_processing")
    assert fish["33.75.03"] > sum(fish.values()) * 0.7
    assert {report["kelurahan"] for report in reports} == set(domain.kelurahans())
    assert {report["channel"] for report in reports} == set(domain.codes("channel"))


def test_some_things_are_not_known(reports: list[dict]) -> None:
    children = [child for report in reports for child in report["children"]]
    assert len(children) > len(reports), "some reports concern several children"
    for share in (
        sum(child["age_years"] is None for child in children) / len(children),
        sum("name" not in child for child in children) / len(children),
        sum(report["reporter"]["anonymous"] for report in reports) / len(reports),
        sum("hours_per_day" not in report["work"] for report in reports) / len(reports),
    ):
        assert 0.05 < share < 0.5
    assert all(report["reporter"] == {"anonymous": True} for report in reports if report["channel"] == "anonymous")


def test_every_class_of_work_is_there(reports: list[dict]) -> None:
    results = [
        classify(facts_of(child["age_years"], report["work"]), rules_on(date.fromisoformat(report["received_on"])))
        for report in reports
        for child in report["children"]
    ]
    legal = Counter(result.legal.classification for result in results)
    assert set(legal) >= set(domain.codes("legal_class")) - {"out_of_scope"}
    assert legal["unknown"] < len(results) * 0.6
    assert {result.severity for result in results} == set(domain.codes("severity"))
