"""What is asked of a password, and that a stranger learns nothing from the time an answer takes."""

import statistics
import time

import pytest

from shared.access import passwords
from shared.access.passwords import MAXIMUM_LENGTH, hash_password, objection, verify

GOOD = "tiga becak di tepi kali"


@pytest.fixture(scope="module")
def stored():
    return hash_password(GOOD)


def test_the_right_password_and_no_other(stored):
    assert verify(stored, GOOD)
    assert not verify(stored, GOOD + "!")
    assert not verify(stored, "")
    assert not verify("not a hash", GOOD)


def test_the_hash_is_argon2id_with_a_salt_of_its_own(stored):
    assert stored.startswith("$argon2id$")
    assert hash_password(GOOD) != stored


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (GOOD, None),
        ("pendek", "too_short"),
        ("x" * (MAXIMUM_LENGTH + 1), "too_long"),
        ("Kata Sandi 123", "known_bad"),
        ("contoh-rujukan-2026", "known_bad"),
        ("abababababababab", "known_bad"),
        ("Petugas@Contoh.Test", "known_bad"),
    ],
)
def test_objections_to_a_new_password(password, reason):
    assert objection(password, "petugas@contoh.test") == reason


def test_a_stranger_costs_the_same_work(stored):
    """An account that does not exist is answered by as much hashing as one that does."""

    def median(password_hash):
        # The processor's time, not the clock's: other work on this machine must not decide.
        times = []
        for _ in range(5):
            start = time.process_time()
            assert not verify(password_hash, "some wrong password")
            times.append(time.process_time() - start)
        return statistics.median(times)

    known, unknown = median(stored), median(None)
    assert 0.6 < unknown / known < 1.6


def test_nobodys_hash_is_made_as_the_others_are():
    """Otherwise a stranger's sign-in would take another time than a member of staff's."""
    assert not passwords._hasher.check_needs_rehash(passwords._NOBODYS)
