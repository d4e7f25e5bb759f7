"""A child's work gets its legal and statistical names, and an unknown fact is never taken for a good one."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.model import (
    FACTS,
    Child,
    Facts,
    Register,
    RegisterRefused,
    classify,
    decide,
    evolve,
    facts_of,
    rules_on,
)
from services.intake.model import rules as rule_files
from services.intake.model.classification import evaluate
from shared.domain import codes
from shared.events.catalogue import produce

TODAY = date(2026, 11, 24)
RULES = rules_on(TODAY)

#: Plain economic work of which all is known and nothing is in its favour.
WORK = Facts(
    age_years=14,
    worst_forms=(),
    hazards=(),
    night_work=False,
    economic=True,
    chores_only=False,
    hours_per_day=3,
    hours_per_week=12,
    chores_hours_per_week=0,
    family_business=False,
    light_work=False,
    approved_curriculum=False,
    guidance_and_safety=False,
    talent=False,
    direct_parental_supervision=False,
    schooling_undisturbed=False,
    parental_permission=False,
    contract_with_parent=False,
    daytime=True,
    occupational_safety=False,
    employment_relation=False,
    wage_by_rules=False,
)
TALENT = replace(WORK, talent=True, direct_parental_supervision=True, schooling_undisturbed=True)
TRAINING = replace(WORK, approved_curriculum=True, guidance_and_safety=True)
#: Light work under all conditions of Ps.69(2).
LIGHT = replace(
    WORK,
    light_work=True,
    parental_permission=True,
    contract_with_parent=True,
    schooling_undisturbed=True,
    occupational_safety=True,
    employment_relation=True,
    wage_by_rules=True,
)
CHORES = replace(WORK, economic=False, chores_only=True)

LEGAL_CASES = [
    # row 1: from 18 on nothing of this applies, whatever the work
    (replace(WORK, age_years=18, hazards=("A1",), worst_forms=("slavery",)), "out_of_scope", "legal-01"),
    # row 2: worst forms come before hazards and every permission
    (replace(WORK, age_years=17, worst_forms=("debt_bondage",), hazards=("A3",)), "worst_form", "legal-02"),
    (replace(TRAINING, worst_forms=("narcotics",)), "worst_form", "legal-02"),
    # row 3: hazards come before every permission; night work is one
    (replace(WORK, age_years=17, hazards=("A5",)), "hazardous", "legal-03"),
    (replace(LIGHT, hazards=("B",)), "hazardous", "legal-03"),
    (replace(WORK, age_years=15, night_work=True, daytime=False), "hazardous", "legal-03"),
    (replace(CHORES, hazards=("A2",)), "hazardous", "legal-03"),
    # row 4: training from 14
    (replace(TRAINING, age_years=14), "permitted_training", "legal-04"),
    (replace(TRAINING, age_years=17, hours_per_week=48), "permitted_training", "legal-04"),
    (replace(TRAINING, age_years=13), "child_labour", "legal-08"),
    (replace(TRAINING, guidance_and_safety=False), "child_labour", "legal-08"),
    (replace(TRAINING, approved_curriculum=False), "child_labour", "legal-08"),
    # row 5: talent at any age, at most 3 hours a day
    (replace(TALENT, age_years=8), "permitted_talent", "legal-05"),
    (replace(TALENT, hours_per_day=3), "permitted_talent", "legal-05"),
    (replace(TALENT, hours_per_day=3.5), "child_labour", "legal-08"),
    (replace(TALENT, direct_parental_supervision=False), "child_labour", "legal-08"),
    (replace(TALENT, schooling_undisturbed=False), "child_labour", "legal-08"),
    (replace(TALENT, talent=False), "child_labour", "legal-08"),
    # row 6: below 13 not even light work
    (replace(WORK, age_years=12), "child_labour", "legal-06"),
    (replace(LIGHT, age_years=12), "child_labour", "legal-06"),
    # row 7: light work at 13 and 14
    (replace(LIGHT, age_years=13), "permitted_light", "legal-07"),
    (replace(LIGHT, age_years=14), "permitted_light", "legal-07"),
    (replace(LIGHT, age_years=15), "needs_review", "legal-10"),
    # row 7, family business: exempt from a, b, f, g ...
    (
        replace(
            LIGHT,
            family_business=True,
            parental_permission=False,
            contract_with_parent=False,
            employment_relation=False,
            wage_by_rules=False,
        ),
        "permitted_light",
        "legal-07",
    ),
    # ... and from nothing else
    (replace(LIGHT, family_business=True, hours_per_day=4), "child_labour", "legal-08"),
    (replace(LIGHT, family_business=True, daytime=False), "child_labour", "legal-08"),
    (replace(LIGHT, family_business=True, schooling_undisturbed=False), "child_labour", "legal-08"),
    (replace(LIGHT, family_business=True, occupational_safety=False), "child_labour", "legal-08"),
    # row 8: each condition of Ps.69(2), and lightness itself
    (replace(LIGHT, parental_permission=False), "child_labour", "legal-08"),
    (replace(LIGHT, contract_with_parent=False), "child_labour", "legal-08"),
    (replace(LIGHT, hours_per_day=3.1), "child_labour", "legal-08"),
    (replace(LIGHT, daytime=False), "child_labour", "legal-08"),
    (replace(LIGHT, schooling_undisturbed=False), "child_labour", "legal-08"),
    (replace(LIGHT, occupational_safety=False), "child_labour", "legal-08"),
    (replace(LIGHT, employment_relation=False), "child_labour", "legal-08"),
    (replace(LIGHT, wage_by_rules=False), "child_labour", "legal-08"),
    (replace(LIGHT, light_work=False), "child_labour", "legal-08"),
    # rows 9 and 10: 15 to 17, by hours
    (replace(WORK, age_years=15, hours_per_week=41), "needs_review", "legal-09"),
    (replace(WORK, age_years=17, hours_per_week=41), "needs_review", "legal-09"),
    (replace(WORK, age_years=15, hours_per_week=40), "needs_review", "legal-10"),
    (replace(WORK, age_years=17, hours_per_week=1), "needs_review", "legal-10"),
    # row 11: chores in the own household
    (replace(CHORES, age_years=12), "not_child_work", "legal-11"),
    (replace(CHORES, age_years=17), "not_child_work", "legal-11"),
    # and what no row describes goes to a person
    (replace(CHORES, chores_only=False), "needs_review", "legal-12"),
]


@pytest.mark.parametrize(("facts", "expected", "rule"), LEGAL_CASES)
def test_the_law_names_the_work(facts: Facts, expected: str, rule: str) -> None:
    legal = classify(facts, RULES).legal
    assert (legal.classification, legal.rule, legal.missing) == (expected, rule, ())
    assert legal.possible == (expected,)
    assert legal.citation
    assert legal.version == "2003"


def test_every_legal_rule_has_a_case() -> None:
    assert {rule.id for rule in RULES.legal.rules} == {rule for _, _, rule in LEGAL_CASES}


STATISTICAL_CASES = [
    # (received, series, age, hours a week, chores a week, class)
    ("2023-01-01", "bps", 4, 10, 0, "out_of_scope"),
    ("2023-01-01", "bps", 5, 0.5, 0, "child_labour"),
    ("2023-01-01", "bps", 12, 1, 0, "child_labour"),
    ("2023-01-01", "bps", 13, 15, 0, "not_child_labour"),
    ("2023-01-01", "bps", 13, 15.5, 0, "child_labour"),
    ("2023-01-01", "bps", 14, 16, 0, "child_labour"),
    ("2023-01-01", "bps", 15, 40, 0, "not_child_labour"),
    ("2023-01-01", "bps", 15, 41, 0, "child_labour"),
    ("2023-01-01", "bps", 17, 41, 0, "child_labour"),
    ("2023-01-01", "bps", 18, 60, 0, "out_of_scope"),
    # the version before: up to one hour a week was no child labour
    ("2022-12-31", "bps", 12, 1, 0, "not_child_labour"),
    ("2022-12-31", "bps", 12, 1.5, 0, "child_labour"),
    ("2022-12-31", "bps", 14, 16, 0, "child_labour"),
    ("2022-12-31", "bps", 17, 40, 0, "not_child_labour"),
    ("2019-06-01", "bps", 12, 1, 0, "not_child_labour"),
    ("2026-11-24", "sdg_8_7_1", 4, 40, 40, "out_of_scope"),
    ("2026-11-24", "sdg_8_7_1", 11, 0.5, 21, "not_child_labour"),
    ("2026-11-24", "sdg_8_7_1", 11, 1, 0, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 11, 0, 22, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 12, 13, 21, "not_child_labour"),
    ("2026-11-24", "sdg_8_7_1", 12, 14, 0, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 14, 14, 0, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 14, 0, 21.5, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 15, 42, 60, "not_child_labour"),
    ("2026-11-24", "sdg_8_7_1", 17, 43, 0, "child_labour"),
    ("2026-11-24", "sdg_8_7_1", 18, 60, 60, "out_of_scope"),
]


@pytest.mark.parametrize(("received", "series", "age", "hours", "chores", "expected"), STATISTICAL_CASES)
def test_statistics_name_the_work(
    received: str, series: str, age: int, hours: float, chores: float, expected: str
) -> None:
    facts = replace(WORK, age_years=age, hours_per_week=hours, chores_hours_per_week=chores)
    result = classify(facts, rules_on(date.fromisoformat(received))).statistical[series]
    assert (result.classification, result.missing) == (expected, ())


def test_chores_alone_count_for_the_sdg_and_not_for_bps() -> None:
    statistical = classify(replace(CHORES, age_years=11, chores_hours_per_week=30), RULES).statistical
    assert statistical["sdg_8_7_1"].classification == "child_labour"
    assert statistical["bps"].classification == "not_child_work"


def test_law_and_statistics_may_disagree() -> None:
    result = classify(replace(WORK, age_years=16, hours_per_week=45), RULES)
    assert (result.legal.classification, result.statistical["bps"].classification) == ("needs_review", "child_labour")


def test_nothing_known_leaves_everything_possible() -> None:
    legal = classify(Facts(), RULES).legal
    assert legal.classification == "unknown"
    assert legal.worst == "worst_form"
    assert set(legal.possible) == set(codes("legal_class")) - {"unknown"}
    assert legal.missing[:3] == ("age_years", "worst_forms", "hazards")


def test_a_missing_age_leaves_open_whether_light_work_is_permitted() -> None:
    legal = classify(replace(LIGHT, age_years=None), RULES).legal
    assert legal.classification == "unknown"
    assert legal.possible == ("child_labour", "needs_review", "permitted_light", "out_of_scope")
    assert (legal.worst, legal.rule, legal.missing) == ("child_labour", "legal-06", ("age_years",))


def test_missing_hours_are_named_where_they_decide_and_only_there() -> None:
    result = classify(replace(WORK, age_years=16, hours_per_week=None), RULES)
    assert (result.legal.classification, result.legal.missing) == ("needs_review", ())
    assert result.legal.rule == "legal-10", "the rule that holds whatever the hours are"
    assert result.statistical["bps"].missing == ("hours_per_week",)


def test_a_seen_worst_form_needs_no_other_fact_but_the_age() -> None:
    legal = classify(Facts(worst_forms=("trafficking",)), RULES).legal
    assert (legal.possible, legal.missing) == (("worst_form", "out_of_scope"), ("age_years",))
    assert classify(Facts(age_years=9, worst_forms=("trafficking",)), RULES).legal.settled


def test_work_by_day_only_is_not_night_work() -> None:
    assert classify(replace(LIGHT, night_work=None), RULES).legal.classification == "permitted_light"


def test_chores_only_is_not_economic_work() -> None:
    assert classify(replace(CHORES, economic=None), RULES).legal.classification == "not_child_work"


def test_a_child_at_a_workplace_is_presumed_to_work() -> None:
    legal = classify(replace(WORK, age_years=12, economic=None, chores_only=None), RULES).legal
    assert not legal.settled
    assert legal.worst == "child_labour"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(WORK, worst_forms=("slavery",)), "emergency"),
        (Facts(worst_forms=("slavery",)), "emergency"),  # age not known: treated as a child
        (replace(WORK, hazards=("A3",)), "high"),
        (Facts(age_years=14, hazards=("A3",)), "high"),  # a worst form is possible too, but not seen
        (WORK, "medium"),
        (Facts(), "medium"),
        (replace(LIGHT, age_years=None), "medium"),  # perhaps permitted: never low while it is not certain
        (LIGHT, "low"),
        (replace(WORK, age_years=18), "low"),
    ],
)
def test_severity_says_how_soon_somebody_must_look(facts: Facts, expected: str) -> None:
    assert classify(facts, RULES).severity == expected


# Properties

HOURS = st.sampled_from([0, 0.5, 1, 3, 3.5, 4, 12, 13.5, 14, 15, 16, 21, 22, 40, 40.5, 42, 43, 60])
VALUES = {
    "age_years": st.integers(min_value=0, max_value=20),
    "worst_forms": st.sampled_from([(), (), (), ("slavery",)]),
    "hazards": st.sampled_from([(), (), (), ("A3", "B")]),
    "hours_per_day": HOURS,
    "hours_per_week": HOURS,
    "chores_hours_per_week": HOURS,
}


def _consistent(facts: Facts) -> bool:
    return not (facts.daytime and facts.night_work) and not (facts.chores_only and facts.economic)


#: Mostly true, so that the permissions with many conditions are reached.
MOSTLY = st.sampled_from([True, True, True, False])
ALL_KNOWN = (
    st.fixed_dictionaries({name: VALUES.get(name, MOSTLY) for name in FACTS})
    .map(lambda values: {**values, "night_work": values["night_work"] and not values["daytime"]})
    .map(lambda values: {**values, "chores_only": values["chores_only"] and not values["economic"]})
    .map(lambda values: Facts(**values))
    .filter(_consistent)
)
SOME_FACTS = st.sets(st.sampled_from(FACTS))


def _without(facts: Facts, names: set[str]) -> Facts:
    return replace(facts, **dict.fromkeys(names))


@settings(max_examples=300, deadline=None)
@given(facts=ALL_KNOWN)
def test_with_all_facts_known_the_class_is_certain(facts: Facts) -> None:
    result = classify(facts, RULES)
    for one in (result.legal, *result.statistical.values()):
        assert one.settled
        assert one.missing == ()


@settings(max_examples=500, deadline=None)
@given(facts=ALL_KNOWN, hidden=SOME_FACTS, found=SOME_FACTS)
def test_learning_more_never_leads_out_of_what_was_possible(facts: Facts, hidden: set[str], found: set[str]) -> None:
    before, after = classify(_without(facts, hidden), RULES), classify(_without(facts, hidden - found), RULES)
    pairs = [(before.legal, after.legal)]
    pairs += [(before.statistical[series], after.statistical[series]) for series in before.statistical]
    for earlier, later in pairs:
        assert set(later.possible) <= set(earlier.possible)
        if earlier.settled:
            assert later.classification == earlier.classification


#: What must be known, at the least, before a permission is certain.
NEEDED = {
    "permitted_training": {"age_years", "worst_forms", "hazards", "approved_curriculum", "guidance_and_safety"},
    "permitted_talent": {
        *("age_years", "worst_forms", "hazards", "talent", "direct_parental_supervision"),
        *("hours_per_day", "schooling_undisturbed"),
    },
    "permitted_light": {
        *("age_years", "worst_forms", "hazards", "economic", "light_work", "hours_per_day", "daytime"),
        *("schooling_undisturbed", "occupational_safety"),
    },
}


@settings(max_examples=500, deadline=None)
@given(facts=ALL_KNOWN, hidden=st.sets(st.sampled_from(FACTS), max_size=3))
def test_unknown_facts_never_make_a_permission(facts: Facts, hidden: set[str]) -> None:
    legal = classify(_without(facts, hidden), RULES).legal
    if legal.classification.startswith("permitted"):
        assert not NEEDED[legal.classification] & hidden
        assert classify(facts, RULES).legal.classification == legal.classification


@pytest.mark.parametrize(
    ("facts", "permission"),
    [(LIGHT, "permitted_light"), (TALENT, "permitted_talent"), (TRAINING, "permitted_training")],
)
def test_each_missing_condition_takes_the_certainty_from_a_permission(facts: Facts, permission: str) -> None:
    assert classify(facts, RULES).legal.classification == permission
    for name in NEEDED[permission]:
        legal = classify(_without(facts, {name}), RULES).legal
        if name == "economic":  # with "chores only: no" known too, the case that no rule fits is open
            assert "needs_review" in legal.possible
        assert (legal.classification, legal.missing) == ("unknown", (name,))


@settings(max_examples=300, deadline=None)
@given(facts=ALL_KNOWN, hidden=SOME_FACTS)
def test_an_open_class_names_what_is_missing_and_its_worst(facts: Facts, hidden: set[str]) -> None:
    legal = classify(_without(facts, hidden), RULES).legal
    assert legal.settled == (not legal.missing)
    assert set(legal.missing) <= hidden
    assert legal.worst == legal.possible[0]
    order = list(RULES.severities.by_class)
    assert [order.index(name) for name in legal.possible] == sorted(order.index(name) for name in legal.possible)


@settings(max_examples=200, deadline=None)
@given(facts=ALL_KNOWN, hidden=SOME_FACTS)
def test_every_possible_class_can_really_come_true(facts: Facts, hidden: set[str]) -> None:
    """What is called possible is reached by some values: checked by asking for one missing fact after the other."""
    start = _without(facts, hidden)
    for wanted in classify(start, RULES).legal.possible:
        known = start
        while not (legal := classify(known, RULES).legal).settled:
            known = next(
                trial
                for value in _values(legal.missing[0])
                if wanted in classify(trial := replace(known, **{legal.missing[0]: value}), RULES).legal.possible
            )
        assert legal.classification == wanted


def _values(name: str) -> tuple:
    if name in ("worst_forms", "hazards"):
        return ((), ("A1",))
    return (5, 12, 13, 14, 16, 18) if name == "age_years" else (2, 50) if name.startswith("hours") else (True, False)


# Rule files


def test_rule_files_are_refused_when_they_say_what_cannot_be() -> None:
    for when in ({"age": {"at_least": 3}}, {"age_years": {"from": 3}}, {"hazards": True}, {"economic": "yes"}):
        with pytest.raises(rule_files.RulesError, match="x-1: no such test"):
            rule_files._rule({"id": "x-1", "class": "hazardous", "citation": "-", "when": when}, ("hazardous",))
    with pytest.raises(rule_files.RulesError, match="no such class"):
        rule_files._rule({"id": "x-1", "class": "fine", "citation": "-", "when": {}}, ("hazardous",))


def test_what_excludes_another_fact_is_not_explored_together_with_it() -> None:
    both = {"id": "x-1", "class": "hazardous", "citation": "-", "when": {"daytime": True, "night_work": True}}
    rest = {"id": "x-2", "class": "needs_review", "citation": "-", "when": {}}
    entry = {"series": "x", "version": "1", "valid_from": TODAY, "source": "-", "rules": [both, rest]}
    rule_set = rule_files._rule_set(entry, "x", ("hazardous", "needs_review"))
    assert evaluate(Facts(), rule_set).possible == ("needs_review",)


def test_classes_of_the_rules_have_names() -> None:
    for rule_set in rule_files._all_rule_sets():
        kind = "legal_class" if rule_set.series == "legal" else "statistical_class"
        assert {rule.classification for rule in rule_set.rules} <= set(codes(kind))
        assert rule_set.source
    assert set(FACTS) == set(codes("work_fact"))


# The report


def _register(**changes: object) -> Register:
    children = (
        Child("child-" + "1" * 32, "person-" + "1" * 32, "female", 14, "attending"),
        Child("child-" + "2" * 32, None, "unknown", None, "unknown"),
    )
    values = {
        "report_id": "report-" + "a" * 32,
        "report_number": "L-AAAAA-BBBBB-C",
        "channel": "walk_in",
        "received_on": date(2026, 3, 1),
        "kelurahan": "33.75.03.1002",
        "work_type": "fish_processing",
        "children": children,
        "work": {"hazards": ["A3"], "worst_forms": [], "hours_per_week": 20, "economic": True, "talent": None},
        "occurred_at": datetime(2026, 3, 1, 3, tzinfo=UTC),
    }
    return Register(**{**values, **changes})  # type: ignore[arg-type]


def test_a_registered_report_classifies_each_child() -> None:
    [event] = decide(None, _register(), RULES)
    assert event.type == "report.registered"
    assert event.occurred_at == datetime(2026, 3, 1, 3, tzinfo=UTC)
    data = produce(event.type, event.data)
    assert (data["kecamatan"], data["severity"], data["hazards"]) == ("33.75.03", "high", ["A3"])
    known, unknown = data["children"]
    assert (known["age_band"], known["legal_class"], known["statistical_class"]) == (
        "age_13_14",
        "hazardous",
        "child_labour",
    )
    assert (unknown["age_band"], unknown["legal_class"], unknown["severity"]) == ("unknown", "unknown", "high")


def test_a_code_that_is_said_twice_counts_once() -> None:
    work = {"hazards": ["B", "A3", "B"], "worst_forms": []}
    [event] = decide(None, _register(work=work), RULES)
    assert event.data["hazards"] == ["A3", "B"]
    assert facts_of(12, work).hazards == ("A3", "B")


def test_a_report_takes_the_severity_of_its_worst_child() -> None:
    work = {**asdict(LIGHT), "age_years": None}
    work.pop("age_years")
    grown, young = (Child(f"child-{n:032}", None, "male", age, "attending") for n, age in ((1, 13), (2, 12)))
    [event] = decide(None, _register(work=work, children=(grown, young)), RULES)
    assert [child["severity"] for child in event.data["children"]] == ["low", "medium"]
    assert event.data["severity"] == "medium"


def test_the_state_follows_from_the_event_as_written_and_as_read() -> None:
    [event] = decide(None, _register(), RULES)
    report = evolve(None, event.type, event.data)
    assert report == evolve(None, event.type, produce(event.type, event.data))
    assert report is not None
    assert (report.status, report.received_on, len(report.children)) == ("registered", date(2026, 3, 1), 2)
    assert evolve(report, "case.opened", {}) is report


def test_a_report_is_registered_once_with_one_to_twenty_children() -> None:
    [event] = decide(None, _register(), RULES)
    with pytest.raises(RegisterRefused, match="already_registered"):
        decide(evolve(None, event.type, event.data), _register(), RULES)
    child = _register().children[0]
    for children in ((), (child,) * 21):
        with pytest.raises(RegisterRefused, match="number_of_children"):
            decide(None, _register(children=children), RULES)


def test_a_fact_that_no_rule_knows_is_refused() -> None:
    with pytest.raises(TypeError):
        facts_of(12, {"hazzards": []})
