"""`rujukan workflow migrate` and `whatif`: from one version of a definition to the next, seen before it is done."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.files import definition_in, reading
from deploy.cli.output import fail, say, show_json

if TYPE_CHECKING:
    from services.cases.engine import Definition
    from services.cases.engine.refusals import Reason
    from services.cases.migrations import Moved
    from services.cases.whatif import Compared

T = TypeVar("T")
EXAMPLES = 5
EVERY = 200

REASONS = {
    "stage_gone": "the new version has no stage {stage!r}",
    "fact_gone": "the new version has no fact {fact!r}",
    "value_gone": "the fact {fact!r} can no longer be {value!r}",
    "consent_gone": "the new version has no consent {consent!r}",
    "kind_gone": "the new version has no referral {kind!r}",
    "pause_gone": "the new version has no pause {pause!r}",
    "awaited_step_gone": "a second person has to decide on {step!r} first, which the new version does not offer there",
    "breaks": "it would break {invariant!r}",
    "strands": "it could never come to an end from {stage!r}",
    "unproven": "from {stage!r} more can happen than can be gone through: whether it could come to an end is not known",
}

VersionArgument = Annotated[str, typer.Argument(help="A version (2, or child_labour_referral@2) or a YAML file.")]


def migrate(
    old: VersionArgument,
    new: VersionArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of each case.")] = False,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Take cases over from one version of the workflow to a newer one; with --dry-run only look.

    Every case that is on the old version is gone over: its stage, facts, consents, referrals and pauses must have a
    place in the new one (its `takes_over` says what is called otherwise), nothing that must never be may come true, and
    it must be possible to bring it to an end. Deadlines are counted anew. What cannot be moved stays, with the reasons.
    Killed or interrupted, the same command goes on. Exits 1 if cases stay.

    Example: rujukan workflow migrate 1 2 --dry-run
    """
    from services.cases import definitions, migrations
    from services.cases.engine.migration import unknown_sources

    before, after = _definition(old), _definition(new)
    if (before.name, after.version > before.version) != (after.name, True):
        fail(f"{after.id} is not a newer version of {before.id}")
    if after.takes_over is not None and after.takes_over.version != before.version:
        fail(f"{after.id} takes over cases of version {after.takes_over.version}, not of version {before.version}")
    if faults := [f"{'.'.join(map(str, path))}: {message}" for path, message in unknown_sources(before, after)]:
        fail("\n".join(faults))
    _proven(after)
    if not dry_run and definitions.find(after.id) != after:
        fail(f"{after.id} is not in {definitions.DIRECTORY}: put it there first (and on every server that runs cases)")
    base = foundation("cases", state)
    work = migrations.look if dry_run else migrations.move
    found = list(_with_progress(work(base, before, after), migrations.count(base, before), "cases"))
    stay = [each for each in found if each.reasons]
    if as_json:
        show_json(_as_json(before, after, dry_run, found))
    else:
        _say_migration(before, after, dry_run, found)
    if stay:
        raise typer.Exit(1)


def whatif(
    file: Annotated[Path, typer.Argument(help="The draft's YAML file.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Cases opened since this day (WIB).")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Replay what was asked of cases through a draft, and say where they would have gone otherwise. Changes nothing.

    Example: rujukan workflow whatif draft.yaml --since 2026-01-01
    """
    from services.cases import whatif as comparing
    from shared.domain.working_time import start_of_day

    draft = definition_in(file)
    _proven(draft)
    base = foundation("cases", state)
    moment = start_of_day(since.date())
    found = list(_with_progress(comparing.compare(base, draft, moment), comparing.count(base, moment), "cases"))
    report = _compared(draft, found)
    if as_json:
        show_json(report)
    else:
        _say_comparison(report)


def _definition(named: str) -> Definition:
    """The definition of a version, or of a file."""
    from services.cases import definitions

    if "/" in named or named.endswith(".yaml"):
        return definition_in(Path(named))
    with reading(definitions.DIRECTORY):
        known = definitions.known()
    found = next((each for each in known.values() if named in (each.id, str(each.version))), None)
    if found is None:
        fail(f"There is no version {named}: choose from {', '.join(known)}, or give a YAML file")
    return found


def _proven(definition: Definition) -> None:
    """Refuses a definition that the check finds faults in."""
    from services.cases.engine.checks import check
    from services.cases.engine.explore import TooManyStates

    try:
        faults = check(definition).faults
    except TooManyStates:
        fail(f"{definition.id} has more states than can be gone through: see `rujukan workflow check`")
    if faults:
        fail("\n".join([f"{definition.id} has faults:", *map(str, faults)]))


def _with_progress(found: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Passes on what is found, and says now and then how far it is, where it does not mix with the answer."""
    for number, each in enumerate(found, 1):
        if number % EVERY == 0:
            print(f"{number:,} of {total:,} {what}", file=sys.stderr, flush=True)
        yield each


def reason_text(reason: Reason) -> str:
    """A reason why a case stays, in words."""
    return REASONS[reason.code].format(**reason.about)


def _as_json(before: Definition, after: Definition, dry_run: bool, found: list[Moved]) -> dict[str, Any]:
    return {
        "from": before.id,
        "to": after.id,
        "dry_run": dry_run,
        "cases": len(found),
        "moved": sum(not each.reasons for each in found),
        "overdue": {each.case_number: list(each.overdue) for each in found if each.overdue},
        "shifted_hours": {each.case_number: dict(each.shifted) for each in found if each.shifted},
        "stay": [
            {
                "case_number": each.case_number,
                "reasons": [{"code": reason.code, **reason.about} for reason in each.reasons],
            }
            for each in found
            if each.reasons
        ],
    }


def _say_migration(before: Definition, after: Definition, dry_run: bool, found: list[Moved]) -> None:
    moved = [each for each in found if not each.reasons]
    say(f"{before.id} -> {after.id}: {len(found)} cases")
    say(f"  {len(moved)} {'can be moved' if dry_run else 'are moved'}")
    shifted = Counter((name, hours > 0) for each in moved for name, hours in each.shifted.items())
    for (name, later), number in sorted(shifted.items()):
        say(f"    {number} with the deadline {name} {'later' if later else 'earlier'}")
    if overdue := [each.case_number for each in moved if each.overdue]:
        say(f"    {len(overdue)} {'will be' if dry_run else 'are'} overdue at once: {_some(overdue)}")
    by_reason: dict[str, list[str]] = {}
    for each in found:
        for reason in each.reasons:
            by_reason.setdefault(reason_text(reason), []).append(each.case_number)
    if by_reason:
        say(f"  {len(found) - len(moved)} stay on {before.id}:")
    for text, numbers in sorted(by_reason.items(), key=lambda entry: -len(entry[1])):
        say(f"    {len(numbers)}: {text} ({_some(numbers)})")


def _compared(draft: Definition, found: list[Compared]) -> dict[str, Any]:
    other = [each for each in found if each.before.case.stage != each.after.case.stage]
    refused: dict[tuple[str, str], list[str]] = {}
    for each in found:
        for about, codes in each.after.refused:
            if (about, codes) not in each.before.refused:
                for code in codes:
                    refused.setdefault((about, code), []).append(each.case_number)
    before = Counter(name for each in found for name in each.before.breached)
    after = Counter(name for each in found for name in each.after.breached)
    return {
        "draft": draft.id,
        "cases": len(found),
        "same_stage": len(found) - len(other),
        "other_stage": [
            {"case_number": each.case_number, "stage": each.before.case.stage, "draft_stage": each.after.case.stage}
            for each in other
        ],
        "refused": [
            {"what": about, "reason": code, "cases": numbers} for (about, code), numbers in sorted(refused.items())
        ],
        "breached": {name: {"now": before[name], "draft": after[name]} for name in sorted(before | after)},
    }


def _say_comparison(report: dict[str, Any]) -> None:
    say(f"{report['cases']} cases through {report['draft']}: {report['same_stage']} come to the same stage")
    moves: dict[tuple[str, str], list[str]] = {}
    for each in report["other_stage"]:
        moves.setdefault((each["stage"], each["draft_stage"]), []).append(each["case_number"])
    for (stage, draft_stage), numbers in sorted(moves.items()):
        say(f"  {len(numbers)} would be in {draft_stage!r} instead of {stage!r} ({_some(numbers)})")
    for each in report["refused"]:
        say(f"  {len(each['cases'])} would be refused {each['what']!r}: {each['reason']} ({_some(each['cases'])})")
    for name, numbers in report["breached"].items():
        if numbers["now"] != numbers["draft"]:
            say(f"  deadline {name}: breached {numbers['draft']} times instead of {numbers['now']}")


def _some(numbers: list[str]) -> str:
    shown = ", ".join(numbers[:EXAMPLES])
    return shown if len(numbers) <= EXAMPLES else f"{shown}, …"
