"""Cases played through a definition: the same twice, none lost, as reckoned by hand; figures that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from services.cases.engine import Definition, DefinitionError
from services.cases.engine import read as definition_of
from services.cases.simulation import Figures, compared, load, longer, play, read
from services.cases.simulation.chart import svg
from services.cases.simulation.figures import Length
from tests.unit.cases.engine.cases import WORKFLOWS, shipped

FILE = WORKFLOWS / "simulation.yaml"
#: A seed by which emergencies come last of six.
SOME_EMERGENCIES_LATE = 2

TINY = """
workflow: tiny
version: 1
name: {id: Kecil, en: Tiny}
begins: look
stages:
  look: {id: Lihat, en: Look}
  help: {id: Bantu, en: Help}
  done: {id: Selesai, en: Done, final: true}
managed_by: [case_worker]
answered_by: [partner_agency]
steps:
  see: {id: Lihat, en: See, from: [look], by: [case_worker], to: help}
  end: {id: Akhiri, en: End, from: [help], by: [case_worker], when: "size(referrals) == 0", to: done}
deadlines:
  looked: {id: Dilihat, en: Looked at, stages: [look], within: 3 hours, escalate_to: [supervisor]}
referrals:
  health:
    id: Kesehatan
    en: Health
    agency_kinds: [health_centre]
    stages: [help]
    sees: [name]
    response: {within: 2 working_hours, escalate_to: [supervisor], expires: 3 working_days}
    outcomes: {helped: {id: Dibantu, en: Helped}}
decline_reasons: {full: {id: Penuh, en: Full}}
revoke_reasons: {mistake: {id: Keliru, en: A mistake}}
"""
TINY_FIGURES = """
begins: 2026-03-02
runs_on: 10 working_days
arrivals: {per_day: 1000000}
people: {case_worker: 1}
choices: {look: {see: 1}, help: {end: 1}}
steps:
  see: {work: 2 working_hours}
  end: {work: 1 working_hours}
approvals: {work: 1 working_hours}
consents: 1 working_hours
requests: 1 working_hours
referrals:
  health:
    needed: {help: 1}
    agencies: 1
    places: 1
    answer: 1 working_hours
    begin: 1 working_hours
    service: 1 working_days
"""


def tiny() -> tuple[Definition, Figures]:
    definition = definition_of(TINY)
    return definition, read(TINY_FIGURES, definition)


def city(**changes: object) -> Figures:
    """The shipped figures with some changed."""
    return replace(load(FILE, shipped()), **changes)


def test_one_case_is_as_reckoned_by_hand() -> None:
    """Monday 2 March 2026, open 07.30 to 16.00 (8.5 hours). It comes at 07.30 and is seen by 09.30, in time; the agency
    is asked by 10.30 and accepts at 11.30, in time. It begins at 12.30 and has served a working day later, on Tuesday
    at 12.30; the case ends at 13.30: 8.5 + 6 hours of office time after it came, 12.5 of them in the second stage."""
    result = play(*tiny(), cases=1, seed=1)
    assert (result.arrived, result.closed, result.open) == (1, 1, 0)
    assert result.ways == [pytest.approx(14.5 / 8.5)]
    assert result.stays["look"] == [pytest.approx(2 / 8.5)]
    assert result.stays["help"] == [pytest.approx(12.5 / 8.5)]
    assert dict(result.begun) == {"looked": 1, "response:health": 1}
    assert not result.breached


def test_a_second_case_waits_for_the_only_worker_and_breaks_its_deadline() -> None:
    """Both come at 07.30: the worker sees the first until 09.30, then the second until 11.30, an hour after it was due.
    With a second worker nothing waits."""
    definition, figures = tiny()
    result = play(definition, figures, cases=2, seed=1)
    assert result.breached["looked"] == 1
    assert sorted(result.free["look"]) == [0, pytest.approx(2 / 8.5, abs=0.001)]
    two = play(definition, replace(figures, people={"case_worker": 2}), cases=2, seed=1)
    assert two.breached["looked"] == 0
    assert max(two.free["look"]) == 0


def test_the_most_urgent_case_is_seen_first() -> None:
    """Six reports come at once, half an hour of work each, some of them emergencies to be seen within two hours. Fails
    when the priority of `_work` is left out: then an emergency waits behind what is not urgent."""
    half_an_hour = Length(0.5, 0.5, "working_hours")
    steps = {name: replace(each, work=half_an_hour) for name, each in city().steps.items()}
    figures = city(
        per_day=1_000_000.0,
        people={"case_worker": 1, "supervisor": 1},
        about={"severity": {"emergency": 1, "low": 1}},
        choices={**city().choices, "screening": {"screen": 1}},
        steps=steps,
    )
    assert play(shipped(), figures, cases=6, seed=SOME_EMERGENCIES_LATE).breached["screening"] == 0


def test_a_longer_deadline_is_not_broken() -> None:
    definition, figures = tiny()
    runs = compared(definition, figures, cases=2, seed=1)
    assert [run.what for run in runs] == ["as given", "one more case_worker", "looked +1 day"]
    assert [run.result.breached["looked"] for run in runs] == [1, 0, 0]
    assert longer(definition, "response:health", 1).referrals["health"].response.within["otherwise"].amount == 10.5
    with pytest.raises(ValueError, match="nothing would be left"):
        longer(definition, "looked", -1)
    with pytest.raises(KeyError):
        longer(definition, "nothing", 1)


def test_a_referral_that_nobody_answers_expires_and_is_asked_of_the_next_agency() -> None:
    """Fails when the clock is not watched: without `_watch` the case waits for ever."""
    definition, figures = tiny()
    slow = replace(figures.referrals["health"], number=2, answer=figures.runs_on)
    result = play(definition, replace(figures, referrals={"health": slow}), cases=1, seed=1)
    assert result.breached["response:health"] == 2
    assert result.begun["response:health"] == 2
    assert result.closed == 1


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    """Fails when the chances are drawn from `random` without the seed."""

    def output(seed: int) -> str:
        figures = ["--cases", "12", "--seed", str(seed), "--plot", str(tmp_path / "run.svg")]
        done = CliRunner().invoke(app, ["workflow", "simulate", *figures])
        assert done.exit_code == 0, done.output
        return done.stdout + (tmp_path / "run.svg").read_text()

    first = output(3)
    assert output(3) == first
    assert output(4) != first


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_case_is_lost(seed: int) -> None:
    """Fails when `_leave` does not take the case out of its stage."""
    result = play(shipped(), city(runs_on=load(FILE, shipped()).steps["assess"].work), cases=25, seed=seed)
    assert result.arrived == 25 == result.closed + result.open
    assert result.open > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_case_workers_break_fewer_deadlines_where_there_are_too_few(seed: int) -> None:
    """Fails when the number of people does not come into the queue's capacity."""
    breached = [
        sum(play(shipped(), city(per_day=3.0, people={"case_worker": n, "supervisor": 2}), 40, seed).breached.values())
        for n in (1, 2, 6)
    ]
    assert breached == sorted(breached, reverse=True)
    assert breached[0] > breached[-1]


def test_a_run_is_drawn() -> None:
    assert svg(play(*tiny(), cases=2, seed=1)).startswith("<svg")


FAULTS = [
    ("  per_day: 1.5", "  per_day: 0", "arrivals.per_day: is nothing"),
    ("people: {case_worker: 4, supervisor: 1}", "people: {case_worker: 4}", "work for the role 'supervisor'"),
    ("  screening: {screen: 94, close: 6}", "  screening: {scren: 94}", "there is no step 'scren'"),
    ("  emergency: {give_emergency_service: 1}", "  emergency: {visit: 1}", "cannot be taken in 'emergency'"),
    ("{high: 25, medium: 45, low: 30}", "{huge: 1}", "there is no value of risk 'huge'"),
    ("{high: 25, medium: 45, low: 30}", "{high: 0}", "nothing here has a weight"),
    ("median: 1 working_hours, p90: 3 working_hours", "median: 1 hours, p90: 3 working_hours", "different units"),
    ("median: 1 working_hours, p90: 3 working_hours", "median: 5 hours, p90: 3 hours", "longer than p90"),
    ("median: 1 working_hours, p90: 3 working_hours", "median: soon, p90: 3 hours", "is no period"),
    ("rejected: 0.05", "rejected: 5", "is no share"),
    ("    agencies: 6", "    agencies: 0", "is less than one"),
    ("    needed: {emergency: 0.15}", "    needed: {screening: 0.15}", "there is no stage for shelter 'screening'"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[each[2] for each in FAULTS])
def test_figures_say_what_is_wrong_and_in_which_line(old: str, new: str, message: str) -> None:
    text = FILE.read_text()
    assert old in text
    with pytest.raises(DefinitionError) as raised:
        read(text.replace(old, new, 1), shipped())
    assert any(message in str(each) for each in raised.value.faults), raised.value
    line = text[: text.index(old)].count("\n") + 1
    assert line in {each.line for each in raised.value.faults}, raised.value


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["workflow", "simulate", *arguments])
        assert done.exit_code == 1
        return " ".join(done.output.split())

    assert "cannot be read" in said("--figures", str(tmp_path / "none.yaml"))
    assert "nothing: is no deadline" in said("--deadline", "nothing=1")
    assert "write for example visit=1" in said("--deadline", "visit=soon")
    assert "nothing would be left" in said("--deadline", "emergency_service=-1", "--cases", "1")


def test_for_another_program_it_is_json() -> None:
    done = CliRunner().invoke(
        app, ["workflow", "simulate", "--cases", "5", "--per-day", "2", "--case-workers", "1", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["runs"][0]["arrived"] == 5
    assert {"stages", "deadlines", "queues", "runs", "definition", "seed"} == told.keys()
