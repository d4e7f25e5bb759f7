"""How much work waits for whom: what the room that keeps the queues tells the one that keeps the addresses.

Numbers, codes and ids only. Who counts and who is told is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Counts:
    """What waits in one queue. Each is a number of cases, or for an agency a number of its referrals.

    A case may count in several: one that is overdue may also have a task. One that is overdue is not due today as well.
    """

    overdue: int = 0
    due_today: int = 0
    awaiting: int = 0
    """A step waits for a second person of this role."""
    tasks: int = 0
    """Something is to be seen to."""
    unanswered: int = 0
    """Of an agency: nobody has accepted or declined it yet."""

    def __bool__(self) -> bool:
        return any((self.overdue, self.due_today, self.awaiting, self.tasks, self.unanswered))


@dataclass
class Work:
    """What waited at `counted_at`: by role for those who lead cases, by agency id for those who answer referrals."""

    counted_at: datetime
    by_role: dict[str, Counts] = field(default_factory=dict)
    by_agency: dict[str, Counts] = field(default_factory=dict)
    proposed: dict[tuple[str, str], int] = field(default_factory=dict)
    """By role and account: in how many cases that `await` the role the account itself proposed the step."""

    def of(self, account_id: str, role: str, agency_id: str | None) -> Counts:
        """What waits for one account. Nobody is a second person to their own proposal."""
        if role == "partner_agency":
            return self.by_agency.get(agency_id or "", Counts())
        counts = self.by_role.get(role, Counts())
        own = self.proposed.get((role, account_id), 0)
        return Counts(counts.overdue, counts.due_today, counts.awaiting - own, counts.tasks)


def listed(work: Work) -> list[Mapping[str, object]]:
    """Every queue in which something waits, a row each, for a table or for JSON."""
    rows = [({"role": role}, counts) for role, counts in sorted(work.by_role.items())]
    rows += [({"role": "partner_agency", "agency_id": key}, counts) for key, counts in sorted(work.by_agency.items())]
    return [{"agency_id": None, **whose, **vars(counts)} for whose, counts in rows if counts]
