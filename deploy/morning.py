"""The morning's e-mails: cases counts what waits, directory tells whom it waits for. The clock and a command call this.

The two services do not speak to each other for it: the process of the clock stands on the foundations of all, and
carries the numbers from the one to the other. No name and no id of a case is among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy import processes
from shared.domain import work
from shared.foundation import Foundation

#: Why nothing was sent.
NO_SERVER, NOT_NOW = "no_mail_server", "not_now"


@dataclass(frozen=True)
class Preview:
    """What would be sent now: the queues in which something waits, and to how many people."""

    queues: list[Any]
    recipients: int


def send(cases: Foundation, directory: Foundation) -> dict[str, int] | str:
    """Sends what is due now. Repeating it changes nothing. Returns numbers of people, or why nothing was sent.

    Raises Unavailable.
    """
    sending = processes.module("directory", "morning.sending")
    if directory.settings.mail is None:
        return NO_SERVER
    if not sending.is_time(directory.clock()):
        return NOT_NOW
    people = sending.recipients(directory)
    if not people:
        return vars(sending.Outcome())
    return vars(sending.send(directory, processes.module("cases", "work").count(cases), people))


def preview(cases: Foundation, directory: Foundation) -> Preview:
    """What would be sent now, whatever the hour. It writes and sends nothing. Raises Unavailable."""
    counted = processes.module("cases", "work").count(cases)
    people = processes.module("directory", "morning.sending").recipients(directory)
    told = [each for each in people if counted.of(each.account_id, each.role, each.agency_id)]
    return Preview(work.listed(counted), len(told))
