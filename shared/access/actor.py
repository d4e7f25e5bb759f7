"""Who is asking: the actor of a request, an event or a command, and the roles there are.

It does not know how an actor proves who they are (tokens.py) nor what they may do (rights.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.roles import ROLES

#: Roles of no person: a worker or a flow of ours, and somebody who has not signed in.
SYSTEM_ROLE = "system"
ANONYMOUS_ROLE = "anonymous"
ALL_ROLES = (*ROLES, SYSTEM_ROLE, ANONYMOUS_ROLE)


@dataclass(frozen=True)
class Actor:
    """One who acts.

    `id` is an account's id (`account-<hex>`), `agency_id` the agency the person works for, `session` the public id of
    the session (never the secret in the cookie), `name` what pages show of the person who is signed in, and `areas` the
    kecamatan in which they work: none named, the whole city.
    """

    id: str
    role: str
    agency_id: str | None = None
    session: str | None = None
    name: str = ""
    areas: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ALL_ROLES:
            raise ValueError(f"unknown role {self.role!r}; roles are {', '.join(ALL_ROLES)}")

    @property
    def is_authenticated(self) -> bool:
        """Whether this is somebody we know."""
        return self.role != ANONYMOUS_ROLE

    def works_in(self, kecamatan: str | None) -> bool:
        """Whether a place is among the actor's areas. No place is in none."""
        return not self.areas or kecamatan in self.areas


ANONYMOUS = Actor(id="anonymous", role=ANONYMOUS_ROLE)


def system_actor(name: str) -> Actor:
    """The actor of a process of ours, for example `system_actor("cases.worker")`."""
    return Actor(id=f"system:{name}", role=SYSTEM_ROLE)
