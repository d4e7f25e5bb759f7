"""A new instance is a demonstration or a real city's, and never both."""

import threading

import pytest

from services.directory import seed, setup, signing_in
from services.directory.model import Refused
from services.directory.seed import DEMONSTRATION_ACCOUNTS, DEMONSTRATION_PASSWORD
from services.directory.setup import MixedData
from shared.access.actor import ROLES
from shared.domain import agency_kinds, kecamatans

pytestmark = pytest.mark.mongo

FIRST = ("kepala@kota.test", "Kepala Dinas", "tiga becak di tepi kali")


def test_the_demonstration_has_every_kind_of_agency_and_an_account_for_every_role(foundation):
    assert setup.mode(foundation) is None
    added = seed.seed(foundation)
    agencies = len(agency_kinds()) + len(kecamatans()) - 1
    assert added == {"agencies": agencies, "companies": 5, "accounts": len(DEMONSTRATION_ACCOUNTS)}
    assert {agency["kind"] for agency in foundation.database.agencies.find()} == set(agency_kinds())
    served = [each["areas"] for each in foundation.database.agencies.find({"kind": "health_centre"})]
    assert sorted(served) == [[], *([place] for place in list(kecamatans())[1:])]
    assert {account.role for account in DEMONSTRATION_ACCOUNTS} == set(ROLES)
    for account in DEMONSTRATION_ACCOUNTS:
        signed_in = signing_in.sign_in(foundation, account.email, DEMONSTRATION_PASSWORD, "192.0.2.1")
        assert signed_in.actor.role == account.role
        assert "(contoh)" in signed_in.actor.name
    for collection in ("agencies", "companies", "people"):
        for entry in foundation.database[collection].find():
            assert entry["demonstration"] and "(contoh)" in entry["name"]


def test_loading_it_again_adds_nothing(foundation):
    seed.seed(foundation)
    events = foundation.database.journal.count_documents({})
    assert seed.seed(foundation) == {"agencies": 0, "companies": 0, "accounts": 0}
    assert foundation.database.journal.count_documents({}) == events


def test_a_real_city_begins_with_one_administrator(foundation):
    setup.create_first_administrator(foundation, *FIRST)
    assert setup.mode(foundation) == "live"
    signed_in = signing_in.sign_in(foundation, FIRST[0], FIRST[2], "192.0.2.1")
    assert (signed_in.actor.role, signed_in.actor.name) == ("administrator", "Kepala Dinas")
    assert foundation.database.agencies.count_documents({}) == 0
    with pytest.raises(Refused) as refused:
        setup.create_first_administrator(foundation, "lain@kota.test", "Lain", FIRST[2])
    assert refused.value.errors == {"email": "administrator_exists"}


def test_a_real_city_refuses_the_demonstration(foundation):
    setup.create_first_administrator(foundation, *FIRST)
    with pytest.raises(MixedData):
        seed.seed(foundation)
    assert foundation.database.agencies.count_documents({}) == 0


def test_a_demonstration_does_not_become_a_real_city(foundation):
    seed.seed(foundation)
    with pytest.raises(MixedData):
        setup.set_mode(foundation, "live")
    with pytest.raises((MixedData, Refused)):
        setup.create_first_administrator(foundation, *FIRST)
    assert setup.mode(foundation) == "demonstration"


@pytest.mark.parametrize(
    ("email", "name", "password", "field"),
    [
        ("bukan surel", "Kepala", FIRST[2], "email"),
        ("kepala@kota.test", "  ", FIRST[2], "name"),
        ("kepala@kota.test", "Kepala", "pendek", "password"),
        ("kepala@kota.test", "Kepala", DEMONSTRATION_PASSWORD, "password"),
        ("kepala@kota.test", "Kepala", "kepala@kota.test", "password"),
    ],
)
def test_a_refused_first_administrator_leaves_nothing_behind(foundation, email, name, password, field):
    with pytest.raises(Refused) as refused:
        setup.create_first_administrator(foundation, email, name, password)
    assert list(refused.value.errors) == [field]
    assert setup.mode(foundation) is None
    assert foundation.database.people.count_documents({}) == 0


def test_of_two_kinds_at_the_same_moment_one_wins(foundation):
    outcomes, barrier = [], threading.Barrier(2)

    def choose(wanted):
        barrier.wait()
        try:
            setup.set_mode(foundation, wanted)
            outcomes.append(wanted)
        except MixedData:
            outcomes.append("refused")

    threads = [threading.Thread(target=choose, args=(wanted,)) for wanted in setup.MODES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == sorted(["refused", setup.mode(foundation)])
