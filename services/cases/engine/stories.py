"""A list of moves as a story that a person can follow, in English: it is told to whoever edits a definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.cases.engine import commands
from services.cases.engine.definition import Definition
from services.cases.engine.explore import Move


def told(definition: Definition, moves: Iterable[Move]) -> Iterator[str]:
    """One line for each move: what is done, and where it leads."""
    for move in moves:
        yield _told(definition, move.command) + "".join(_led(move))


def _told(definition: Definition, command: commands.Command) -> str:
    match command:
        case commands.TakeStep():
            facts = ", ".join(f"{name} = {value}" for name, value in command.facts.items())
            proposed = "propose" if definition.steps[command.step].approved_by else "take"
            return f"{command.by.role}: {proposed} the step {command.step}" + (f" ({facts})" if facts else "")
        case commands.Approve():
            return f"{command.by.role}: approve it"
        case commands.Reject():
            return f"{command.by.role}: do not approve it"
        case commands.GiveConsent():
            return f"{command.by.role}: record the consent {command.consent}"
        case commands.WithdrawConsent():
            return f"{command.by.role}: record that the consent {command.consent} is withdrawn"
        case commands.RequestReferral():
            return f"{command.by.role}: request the referral {command.kind}"
        case commands.Tick():
            return f"the deadline {command.only[0] if command.only else ''} passes"
        case commands.OnReferral():
            words = {
                commands.Accept: "accept",
                commands.Decline: "decline",
                commands.StartService: "start the service of",
                commands.Complete: "complete",
                commands.Revoke: "revoke",
            }
            return f"{command.by.role}: {words[type(command)]} the referral"
    return type(command).__name__


def _led(move: Move) -> Iterator[str]:
    for event in move.events:
        if event.type == "case.step_taken" and event.data["to_stage"] != event.data["from_stage"]:
            yield f" -> {event.data['to_stage']}"
