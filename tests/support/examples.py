"""How many examples hypothesis tries: the usual number, the same ones each time; with --long many times that, and fresh
ones. (tests/conftest.py loads the profile; a failure says how to have its example again.)"""

from __future__ import annotations

import secrets

from hypothesis import HealthCheck, settings

#: Time says nothing here: machines are shared. Examples follow from the test itself, so that a failure comes again.
USUAL = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
LONG = settings(USUAL, derandomize=False, database=None, print_blob=True)
TIMES = 20

settings.register_profile("usual", USUAL)
settings.register_profile("long", LONG)


def use(long: bool) -> None:
    """Before tests are imported: which of the two it is."""
    settings.load_profile("long" if long else "usual")


def examples(number: int) -> settings:
    """The setting of a test that usually tries that many."""
    is_long = not settings.default.derandomize
    return settings(max_examples=number * (TIMES if is_long else 1))


def fresh_seed() -> int:
    """A seed that nobody has chosen, printed: a failure shows it."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    return seed
