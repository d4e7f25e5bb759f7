"""Versions of the workflow beside each other on the real mongod: new cases, moving, replaying through a draft."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from deploy.cli.main import app as command_line
from services.cases import commands, definitions, migrations, model, store, whatif
from services.cases.engine import load, migration
from services.cases.engine.explore import TooManyStates
from services.cases.engine.migration import migrate
from shared.access.actor import system_actor
from shared.foundation import Foundation
from shared.journal import VersionConflict
from tests.integration.cases.test_cases import (
    CASES,
    Arrive,
    As,
    assert_stored_is_history,
    order,
    screen,
    types,
)
from tests.support.servers import Mongo
from tests.unit.cases.engine.test_documentation import EXAMPLES, lines_of_commands, merged

pytestmark = pytest.mark.mongo
SHIPPED = definitions.DIRECTORY / "child_labour_referral.yaml"
#: A second version: assessment is called otherwise, its deadline is longer, low risk is gone.
SECOND = (
    SHIPPED.read_text(encoding="utf-8")
    .replace("version: 1\n", "version: 2\ntakes_over: {version: 1, stages: {assessment: enquiry}}\n", 1)
    .replace("  assessment: {id: Asesmen, en: Assessment}", "  enquiry: {id: Penelaahan, en: Enquiry}")
    .replace("- {stage: assessment}", "- {stage: enquiry}")
    .replace("to: assessment\n", "to: enquiry\n")
    .replace("from: [assessment", "from: [enquiry")
    .replace("[screening, assessment,", "[screening, enquiry,")
    .replace("stages: [assessment]", "stages: [enquiry]")
    .replace("stage == 'assessment'", "stage == 'enquiry'")
    .replace(
        "medium: 5 working_days, otherwise: 10 working_days}", "medium: 8 working_days, otherwise: 12 working_days}"
    )
)


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of the city's versions, with the shipped one; `second` beside it is a draft."""
    directory = tmp_path / "workflows"
    directory.mkdir()
    (directory / "first.yaml").write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "second.yaml").write_text(SECOND, encoding="utf-8")
    monkeypatch.setattr(definitions, "DIRECTORY", directory)
    definitions.known.cache_clear()
    yield directory
    monkeypatch.undo()
    definitions.known.cache_clear()


@pytest.fixture
def say(mongo: Mongo, prefix: str, foundation: Foundation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`rujukan workflow ...` for this city."""

    def run(*arguments: str) -> Result:
        definitions.known.cache_clear()  # a new process has read nothing
        with pytest.MonkeyPatch.context() as patch:
            for name, value in mongo.settings_environ("cases", prefix, RUJUKAN_DEMONSTRATION="true").items():
                patch.setenv(name, value)
            return CliRunner().invoke(command_line, ["workflow", *arguments])

    return run


def install(city: Path) -> None:
    """The second version is put beside the first."""
    (city / "second.yaml").write_text(SECOND, encoding="utf-8")


def stored(foundation: Foundation, case: dict[str, Any]) -> Any:
    found = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert found is not None
    return found


def replayed(foundation: Foundation, case: dict[str, Any]) -> whatif.Played:
    """The case as its own version makes it of what was asked."""
    definition, entries = definitions.current(), list(foundation.journal.history(case["_id"]))
    return whatif.replay(definition, definition, entries, foundation.clock(), {})


def test_new_cases_open_on_the_newest_version_and_the_others_stay_on_theirs(
    city: Path, arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with one definition for all cases."""
    old = arrive()
    install(city)
    assert arrive()["workflow"] == "child_labour_referral@1"  # as long as this process runs
    assert definitions.of("child_labour_referral@2").version == 2
    new = arrive()
    assert (old["workflow"], new["workflow"]) == ("child_labour_referral@1", "child_labour_referral@2")
    worker = as_role()
    assert screen(worker, old, risk="low").json["stage"] == "assessment"
    assert screen(worker, new, risk="low").json["stage"] == "enquiry"
    assert "Penelaahan" in worker.get("/id/cases?stage=enquiry").text
    assert worker.api("GET", f"{CASES}?stage=enquiry").json["total"] == 1
    assert worker.api("GET", f"{CASES}?stage=").status_code == 422
    assert "Asesmen" in worker.get(f"/id/cases/{old['case_number']}").text
    for case in (old, new):
        assert_stored_is_history(foundation, case["_id"])


def test_a_server_that_does_not_have_a_cases_version_says_so_and_changes_nothing(
    city: Path, arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """The queue still shows it, with nothing to do. Seen to fail without the handler: an error 500 that nobody can act
    on; and with `definitions.of` in rows.py: no queue for anybody."""
    case = arrive()
    foundation.database["cases"].update_one({"_id": case["_id"]}, {"$set": {"workflow": "child_labour_referral@9"}})
    answer = screen(as_role(), case)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert types(foundation, case) == ["case.opened"]
    queue = as_role().get("/en/cases?stage=")
    assert queue.status_code == 200 and case["case_number"] in queue.text and "#do-" not in queue.text


def test_a_dry_run_says_what_becomes_of_each_case_and_changes_nothing(
    city: Path, say: Callable[..., Result], arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with `move` in place of `look`."""
    case, waiting = arrive(), arrive()
    screen(as_role(), case, risk="medium")
    draft = str(city.parent / "second.yaml")
    done = say("migrate", "1", draft, "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["cases"], report["moved"], report["stay"]) == (2, 2, [])
    assert list(report["shifted_hours"]) == [case["case_number"]]
    assert report["shifted_hours"][case["case_number"]]["assessment"] >= 72
    assert types(foundation, case) == ["case.opened", "case.step_taken"]
    assert "2 can be moved" in say("migrate", "1", draft, "--dry-run").stdout
    refused = say("migrate", "1", draft)
    assert refused.exit_code == 1 and "put it there first" in refused.output
    assert stored(foundation, waiting)["workflow"] == "child_labour_referral@1"


def test_cases_move_with_a_trace_and_work_goes_on_in_the_new_version(
    city: Path, say: Callable[..., Result], arrive: Arrive, as_role: As, agency: Any, foundation: Foundation
) -> None:
    """Seen to fail with the referral's own record left on the old version, and with the event not published."""
    case, worker = arrive(), as_role()
    screen(worker, case)
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, case, version, "give_consent", consent)
    asked = order(worker, case, 4, "request_referral", "health", agency_id=agency())
    install(city)
    done = say("migrate", "child_labour_referral@1", "child_labour_referral@2")
    assert done.exit_code == 0 and "1 are moved" in done.stdout, done.output
    *_, entry = foundation.journal.history(case["_id"])
    assert (entry["type"], entry["actor"]) == ("case.migrated", "system:cases.migration")
    referral = asked.json["referrals"][0]["referral_id"]
    assert foundation.database["referrals"].find_one({"_id": referral})["workflow"] == "child_labour_referral@2"
    after = order(worker, case, 6, "take_step", "give_emergency_service", facts={"emergency_service": "given"})
    assert (after.status_code, after.json["stage"]) == (200, "enquiry"), after.text
    assert_stored_is_history(foundation, case["_id"])
    page = worker.get(f"/id/cases/{case['case_number']}")
    assert page.status_code == 200 and "Penelaahan" in page.text and "versi" in page.text
    assert "0 cases" in say("migrate", "1", "2").stdout


def test_a_case_that_cannot_be_moved_stays_and_is_named_with_its_reason(
    city: Path, say: Callable[..., Result], arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with the exit status left at 0."""
    staying, going = arrive(), arrive()
    screen(as_role(), staying, risk="low")
    text = SECOND.replace("takes_over: {version: 1, stages: {assessment: enquiry}}\n", "")
    (city / "second.yaml").write_text(text, encoding="utf-8")
    done = say("migrate", "1", "2", "--json")
    assert done.exit_code == 1
    [entry] = json.loads(done.stdout)["stay"]
    assert entry == {
        "case_number": staying["case_number"],
        "reasons": [{"code": "stage_gone", "stage": "assessment"}],
    }
    assert stored(foundation, staying)["workflow"].endswith("@1")
    assert stored(foundation, going)["workflow"].endswith("@2")
    assert "the new version has no stage 'assessment'" in say("migrate", "1", "2").stdout


def test_a_run_that_was_killed_goes_on_where_it_was(
    city: Path, arrive: Arrive, foundation: Foundation, say: Callable[..., Result]
) -> None:
    """What has moved is not on the old version any more, and so is not gone over; the unit of work looks once more."""
    cases = [arrive() for _ in range(3)]
    install(city)
    old, new = definitions.of("child_labour_referral@1"), definitions.of("child_labour_referral@2")
    next(migrations.move(foundation, old, new))
    assert say("migrate", "1", "2").exit_code == 0
    for case in cases:
        assert types(foundation, case) == ["case.opened", "case.migrated"]


def test_somebody_who_works_on_a_case_meanwhile_goes_first(
    city: Path, arrive: Arrive, as_role: As, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without the further attempts: the run would end with a conflict."""
    case, worker = arrive(), as_role()
    install(city)
    pending = [lambda: screen(worker, case, risk="low")]

    def meanwhile(*arguments: Any) -> Any:
        if pending:
            pending.pop()()
            raise VersionConflict(case["_id"], 1, 2)
        return migrate(*arguments)

    monkeypatch.setattr(migrations, "migrate", meanwhile)
    [moved] = migrations.move(
        foundation, definitions.of("child_labour_referral@1"), definitions.of("child_labour_referral@2")
    )
    assert moved.reasons == () and types(foundation, case) == ["case.opened", "case.step_taken", "case.migrated"]
    assert stored(foundation, case)["stage"] == "enquiry"


def test_whatif_tells_where_cases_would_have_gone_otherwise_and_changes_nothing(
    city: Path, say: Callable[..., Result], arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with the draft left out of the second replay."""
    worker = as_role()
    kept, other = arrive(), arrive()
    for case, risk in ((kept, "low"), (other, "medium")):
        assert screen(worker, case, risk=risk).status_code == 200
    draft = city.parent / "draft.yaml"
    text = SHIPPED.read_text(encoding="utf-8").replace("version: 1\n", "version: 2\n", 1)
    text = text.replace("{when: \"risk == 'high'\", stage: emergency}", "{when: \"risk != 'low'\", stage: emergency}")
    draft.write_text(text, encoding="utf-8")
    before = {case["_id"]: types(foundation, case) for case in (kept, other)}
    done = say("whatif", str(draft), "--since", "2020-01-01", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["cases"], report["same_stage"]) == (2, 1)
    assert report["other_stage"] == [
        {"case_number": other["case_number"], "stage": "assessment", "draft_stage": "emergency"}
    ]
    assert {case["_id"]: types(foundation, case) for case in (kept, other)} == before
    assert (
        "1 would be in 'emergency' instead of 'assessment'" in say("whatif", str(draft), "--since", "2020-01-01").stdout
    )
    assert json.loads(say("whatif", str(draft), "--since", "2999-01-01", "--json").stdout)["cases"] == 0


def test_whatif_counts_deadlines_that_a_draft_would_have_broken(
    city: Path, say: Callable[..., Result], arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without the clock after the last command."""
    case = arrive(received=datetime.now(UTC) - timedelta(hours=20))
    draft = city.parent / "draft.yaml"
    text = SHIPPED.read_text(encoding="utf-8").replace("version: 1\n", "version: 2\n", 1)
    draft.write_text(text.replace("high: 24 hours, medium: 72", "high: 21 hours, medium: 72"), encoding="utf-8")
    later = Foundation(**{**vars(foundation), "clock": lambda: datetime.now(UTC) + timedelta(hours=2)})
    commands.sweep(later)
    assert types(foundation, case) == ["case.opened"]
    [found] = whatif.compare(later, load(draft), datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.before.breached, found.after.breached) == ([], ["screening"])


def test_whatif_knows_of_a_case_that_another_office_handed_over(
    city: Path, arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with the opening alone played: the task that was seen to was none, and the word was refused."""
    case = arrive(channel="transfer_in")
    [task] = case["tasks"]
    assert order(as_role(), case, 2, "finish_task", task["task_id"]).status_code == 200
    draft = city.parent / "draft.yaml"
    text = SHIPPED.read_text(encoding="utf-8").replace("version: 1\n", "version: 2\n", 1)
    draft.write_text(text, encoding="utf-8")
    [found] = whatif.compare(foundation, load(draft), datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.before.refused, found.after.refused) == ([], [])


def test_whatif_goes_on_with_what_was_corrected_and_with_a_transfer_that_joined(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without either: the replay kept the old urgency, and refused the word to the other office."""
    case = arrive(severity="emergency")
    arrive(same_as=[case["child_id"]], channel="transfer_in")
    known = stored(foundation, case)
    [word] = [task["task_id"] for task in known["tasks"] if task["kind"] == "confirm_transfer"]
    codes = {name: known[name] for name in (*commands.CORRECTABLE, "child_id")} | {"severity": "low"}

    def work(unit: Any) -> dict[str, Any]:
        commands.correct(unit, case["report_id"], codes, foundation.clock())
        return {}

    foundation.journal.run(work, actor=system_actor("test"))
    assert types(foundation, case)[1:] == ["case.report_joined", "case.transfer_received", "case.corrected"]
    assert order(as_role(), case, 4, "finish_task", word).status_code == 200
    definition = definitions.current()
    played = whatif.replay(
        definition, definition, list(foundation.journal.history(case["_id"])), foundation.clock(), {}
    )
    _, kept = model.from_document(stored(foundation, case))
    assert played.refused == [] and played.case == kept
    assert kept.about["severity"] == "low"


def test_whatif_goes_on_with_a_report_that_left(arrive: Arrive, foundation: Foundation) -> None:
    """Seen to fail with the separation left out of the replay: the draft's case had the report to read for ever."""
    case = arrive()
    arrive(same_as=[case["child_id"]])
    [joined] = stored(foundation, case)["joined"]

    def work(unit: Any) -> dict[str, Any]:
        report = {**joined, "received_on": joined["received_at"].date()}
        commands.separate(unit, report, joined, joined["received_at"], foundation.clock())
        return {}

    foundation.journal.run(work, actor=system_actor("test"))
    definition = definitions.current()
    played = whatif.replay(
        definition, definition, list(foundation.journal.history(case["_id"])), foundation.clock(), {}
    )
    _, kept = model.from_document(stored(foundation, case))
    assert played.refused == [] and played.case == kept and kept.tasks == ()


def test_whatif_asks_each_agency_as_what_it_is(
    arrive: Arrive, as_role: As, agency: Any, foundation: Foundation
) -> None:
    """Seen to fail with every agency taken for the first kind that the draft takes: none was ever refused. Seen to fail
    with the kind of today alone: an agency that has become another kind was refused by its own version, too."""
    case, worker = arrive(), as_role()
    screen(worker, case)
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, case, version, "give_consent", consent)
    asked = agency("social_office")
    done = order(worker, case, 4, "request_referral", "shelter", agency_id=asked)
    assert done.status_code == 200, done.text

    def refused(*agency_kinds: str) -> tuple[list[Any], list[Any]]:
        kind = replace(definitions.current().referrals["shelter"], agency_kinds=agency_kinds)
        referrals = {**definitions.current().referrals, "shelter": kind}
        draft = replace(definitions.current(), version=2, referrals=referrals)
        [found] = whatif.compare(foundation, draft, datetime(2020, 1, 1, tzinfo=UTC))
        return found.before.refused, found.after.refused

    assert refused("uptd_ppa") == ([], [("shelter", ("wrong_agency_kind",))])
    assert refused("legal_aid", "social_office") == ([], [])
    agency("police_ppa", agency_id=asked)
    assert refused("uptd_ppa", "social_office") == ([], [])


def test_a_long_replay_holds_no_cursor_open(
    city: Path, arrive: Arrive, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with one question for all: the server forgets its cursor when ten minutes pass between two of its
    batches. Seen to fail with pages that begin at the same place."""
    case = stored(foundation, arrive())
    database, many = foundation.database, 130  # more than the first batch of a cursor has
    copies = [
        {"_id": f"case-z{each:03}", "case_number": f"K-{each}", "first_child_id": str(each)} for each in range(many)
    ]
    database["cases"].insert_many([{**case, **copy} for copy in copies])
    monkeypatch.setattr(store, "PAGE", 50)
    numbers = [each["case_number"] for each in store.every(database, {}, "case_number")]
    assert sorted(numbers) == sorted([case["case_number"], *(copy["case_number"] for copy in copies)])
    assert len(list(store.every(database, {"workflow": "another"}))) == 0
    following = whatif.compare(foundation, definitions.current(), datetime(2020, 1, 1, tzinfo=UTC))
    assert next(following).case_number == case["case_number"]
    own = {"type": "idleCursor", "ns": database["cases"].full_name}
    idle = list(database.client.admin.aggregate([{"$currentOp": {"idleCursors": True}}, {"$match": own}]))
    del following  # with its cursor, if it has one: a failure would keep it
    assert idle == []


def test_a_case_of_which_too_much_can_become_stays_and_the_others_move(
    city: Path, say: Callable[..., Result], arrive: Arrive, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without the look: the run ended at that case with a trace."""
    first, second = sorted((arrive()["_id"], arrive()["_id"]))

    def completable(definition: Any, case: Any) -> bool:
        if case.case_id == first:
            raise TooManyStates
        return True

    monkeypatch.setattr(migration, "completable", completable)
    done = say("migrate", "1", str(city.parent / "second.yaml"), "--dry-run", "--json")
    assert done.exit_code == 1 and not isinstance(done.exception, TooManyStates), done.output
    report = json.loads(done.stdout)
    assert (report["cases"], report["moved"]) == (2, 1)
    [stays] = report["stay"]
    assert stays["reasons"] == [{"code": "unproven", "stage": "screening"}]
    assert stays["case_number"] == stored(foundation, {"_id": first})["case_number"] and second != first
    told = say("migrate", "1", str(city.parent / "second.yaml"), "--dry-run").stdout
    assert "more can happen than can be gone through" in told and "1 can be moved" in told


def test_the_commands_of_the_documentation_bring_a_case_to_a_new_version(
    city: Path, say: Callable[..., Result], arrive: Arrive, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of docs/workflow.md, with its example of a new version. Seen to fail with an option that there is not,
    and with the move before the look."""
    monkeypatch.chdir(city.parent)
    text = yaml.safe_dump(merged(yaml.safe_load(SHIPPED.read_text()), yaml.safe_load(EXAMPLES["take-over"])))
    Path("new.yaml").write_text(text)
    case = arrive()
    given = [words[2:] for words in lines_of_commands() if words[2:3] in (["whatif"], ["migrate"])]
    assert [words[0] for words in given] == ["whatif", "migrate", "migrate"]
    said = []
    for words in given:
        if words[1:] == ["1", "2"]:  # the page: when the file lies there
            (city / "new.yaml").write_text(text)
        done = say(*words)
        assert done.exit_code == 0, done.output
        said.append((done.stdout.splitlines()[:2], stored(foundation, case)["workflow"].rpartition("@")[2]))
    moving = "child_labour_referral@1 -> child_labour_referral@2: 1 cases"
    assert said == [
        (["1 cases through child_labour_referral@2: 1 come to the same stage"], "1"),
        ([moving, "  1 can be moved"], "1"),
        ([moving, "  1 are moved"], "2"),
    ]


def test_what_cannot_be_asked_is_said_in_one_line(city: Path, say: Callable[..., Result]) -> None:
    """Seen to fail with each look left out."""
    for arguments, message in (
        (("migrate", "1", "7"), "There is no version 7"),
        (("migrate", "1", "1"), "is not a newer version"),
        (("migrate", "1", "/nowhere.yaml"), "cannot be read"),
        (("whatif", "/nowhere.yaml", "--since", "2026-01-01"), "cannot be read"),
    ):
        done = say(*arguments)
        assert done.exit_code == 1 and message in done.output, done.output
    (city / "twin.yaml").write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    done = say("migrate", "1", "2")
    assert done.exit_code == 1 and "first.yaml and twin.yaml are the same version" in done.output, done.output


def test_a_replay_through_its_own_version_gives_the_stored_case(
    city: Path, arrive: Arrive, as_role: As, agency: Any, foundation: Foundation
) -> None:
    """Seen to fail with approvals, claims, reports that join or the clock left out of the replay."""
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    screen(worker, case, risk="low")
    order(
        worker, case, 2, "take_step", "assess", facts={"needs": "services", "working": "working", "schooling": "none"}
    )
    order(worker, case, 3, "give_consent", "services")
    order(worker, case, 4, "give_consent", "disclosure")
    order(worker, case, 5, "take_step", "agree_plan")
    order(supervisor, case, 6, "reject")
    order(worker, case, 7, "take_step", "agree_plan")
    order(supervisor, case, 8, "approve")
    order(worker, case, 9, "request_referral", "health", agency_id=agency())
    order(worker, case, 10, "pause_clock", "school_holiday")
    for _ in range(2):
        arrive(same_as=[case["child_id"]])
    order(worker, case, 13, "finish_task", stored(foundation, case)["tasks"][0]["task_id"])
    done = order(worker, case, 14, "withdraw_consent", "disclosure")
    assert done.status_code == 200, done.text
    played = replayed(foundation, case)
    _, kept = model.from_document(stored(foundation, case))
    assert played.refused == []
    assert played.case.but(awaited=None) == kept.but(awaited=None)


def test_a_step_of_one_kind_of_agency_is_refused_to_people_of_another(
    city: Path, arrive: Arrive, agency: Callable[..., str], as_role: As
) -> None:
    """By API and page alike. Seen to fail when the command did not say for which kind of agency somebody works, and
    when `available` did not, on the case's page or in a row of the queue."""
    first = city / "first.yaml"
    first.write_text(
        first.read_text(encoding="utf-8").replace(
            "    from: [screening]\n    by: [case_worker, supervisor]\n",
            "    from: [screening]\n    by: [case_worker, supervisor]\n    agency_kinds: [uptd_ppa]\n",
        ),
        encoding="utf-8",
    )
    definitions.known.cache_clear()
    case, unit = arrive(), agency("uptd_ppa")
    stranger, own = as_role("case_worker", agency("social_office")), as_role("case_worker", unit)
    refused = screen(stranger, case)
    assert (refused.status_code, refused.get_json()["reasons"][0]["code"]) == (403, "wrong_office")
    path = f"{CASES}/{case['case_number']}/available"
    for person, possible in ((stranger, False), (own, True)):
        offered = person.api("GET", path).get_json()["items"]
        assert [each["possible"] for each in offered if each["subject"] == "screen"] == [possible]
        assert ("#do-take_step-screen" in person.get("/id/cases").text) == possible
    assert screen(own, case).status_code == 200
