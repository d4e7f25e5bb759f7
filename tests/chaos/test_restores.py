"""What is left of a part, put back or made anew: reporting ends with the figures that the journals give from scratch.

Each test says how it was seen to fail. The journals and the read model are real; the clock and the web are not needed.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.worker import positions
from tests.chaos.figures import City
from tests.integration.foundation.test_relay_and_worker import wait_for
from tests.integration.reporting.conftest import BARAT, TIMUR, History
from tests.support.servers import Kafka, Mongo

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


@pytest.fixture
def city(mongo: Mongo, kafka: Kafka, prefix: str) -> City:
    return City.found(mongo, kafka, prefix)


def some_history() -> History:
    """Three reports with a case for each of two children; one case is screened, one is overdue."""
    history = History()
    cases = [case for kecamatan in (BARAT, TIMUR, BARAT) for case in history.report(kecamatan=kecamatan, children=2)]
    history.screen(cases[0])
    history.overdue(cases[1])
    return history


def begin(city: City) -> None:
    """Some history, published and counted; nothing runs any more."""
    city.write(*some_history().entries)
    city.publish()
    with city.working():
        city.read_all()
    assert city.figures() == city.wanted()
    assert len(city.figures()[0]) == 9


def test_a_journal_restored_behind_kafka(city: City) -> None:
    """Later versions are lost and written again differently; a new epoch tells readers.

    Seen to fail with `rujukan restored` not raising the epoch: what is written anew is dropped as seen (first wait).
    Seen to fail without the topics made anew: the lost screening stays in the figures (last comparison).
    """
    begin(city)
    history = History()
    kept, _ = history.report(children=2)
    city.write(*history.entries)
    copy = city.backup("cases")

    # What the backup does not know of: a step of a case, and a whole case.
    lost = History(entries=list(history.entries))
    lost.screen(kept)
    lost.report(kecamatan=TIMUR)
    city.write(*lost.entries[len(history.entries) :])
    again = lost.entries[-1]
    assert again.type == "case.opened"
    city.publish()
    with city.working():
        city.read_all()
    assert city.figures() == city.wanted()

    city.restore("cases", copy)
    epoch = city.command("restored", "cases")["epoch"]
    history.overdue(kept)  # the same version as the screening that was lost
    city.write(*[entry for entry in history.entries if entry.version == 2])
    # cases reads the report once more and opens the case with the same id, here with other facts
    city.write(replace(again, data={**again.data, "severity": "low", "kecamatan": BARAT}))
    city.publish()
    with city.working():
        city.read_all()
        wait_for(lambda: city.figures()[0][kept]["screening_overdue"], "what was written anew is counted")
        seen = {entry["_id"]: (entry["epoch"], entry["version"]) for entry in city.live[positions.VERSIONS].find()}
        assert (seen[kept], seen[again.stream]) == ((epoch, 2), (epoch, 1))
        incremental = city.figures()
        assert incremental[0][again.stream] == city.wanted()[0][again.stream], "it began anew, and moved its counts"
        city.command("replay", "reporting")
        wait_for(lambda: city.figures() == incremental, "a rebuild from the same topics is equal")

    # The topics still hold what the restore has lost: they are made anew from the journals.
    city.lose_topics()
    for service in ("intake", "cases"):
        city.command("republish", service)
    city.publish()
    with city.working():
        city.command("replay", "reporting")
        city.read_all()
        wait_for(lambda: city.figures() == city.wanted(), "the journals' figures, without what was lost")
    assert city.live["parked"].count_documents({}) == 0


def test_the_same_backup_restored_twice_takes_no_epoch_again(city: City) -> None:
    """Seen to fail with epochs counted up by one: the second life, with the number of the first, is dropped as seen."""
    history = History()
    [case] = history.report()
    city.write(*history.entries)
    copy = city.backup("cases")
    second = city.command("restored", "cases")["epoch"]
    first = History(entries=list(history.entries))
    first.screen(case)
    city.write(first.entries[-1])
    city.publish()
    city.restore("cases", copy)
    assert city.command("restored", "cases")["epoch"] > second > 1
    history.overdue(case)
    city.write(history.entries[-1])
    city.publish()
    with city.working():
        wait_for(lambda: city.figures()[0].get(case, {}).get("screening_overdue"), "the third life is heard")


def test_a_kafka_made_anew_under_stored_positions(city: City) -> None:
    """Other topic ids: read from the start, nothing twice; `republish` fills them.

    Seen to fail with `positions.load` not comparing the topic's id: the worker seeks beyond the log (waits in vain).
    Seen to fail with the versions forgotten: every report is counted twice.
    """
    begin(city)
    before = {entry["_id"]: entry for entry in city.reporting.database[positions.POSITIONS].find()}
    history = History()
    history.report()
    city.write(*history.entries)  # not published yet when Kafka is lost
    city.lose_topics()
    for service in ("intake", "cases"):
        city.command("republish", service)
    city.publish()
    with city.working():
        city.read_all()
        wait_for(lambda: city.figures() == city.wanted(), "counted once")
    after = {entry["_id"]: entry for entry in city.reporting.database[positions.POSITIONS].find()}
    assert all(after[name]["topic_id"] != before[name]["topic_id"] for name in before)
    with city.working():
        city.command("replay", "reporting")
        city.read_all()
        wait_for(lambda: city.figures() == city.wanted(), "a rebuild is equal")
    assert city.live["parked"].count_documents({}) == 0


def test_a_read_model_dropped(city: City) -> None:
    """Seen to fail with the rebuild keeping the versions: nothing is counted again, the figures stay empty."""
    begin(city)
    for name in ("facts", "cubes"):
        city.reporting.database[name].delete_many({})
    with city.working():
        assert city.command("replay", "reporting")["rebuilt"]
        wait_for(lambda: city.figures() == city.wanted(), "the figures are there again")
        city.read_all()
    assert city.figures() == city.wanted()


def test_a_consumer_group_s_offsets_lost(city: City) -> None:
    """The positions are ours: what came meanwhile is read, and nothing twice.

    Seen to fail with the worker not seeking to its positions and `auto_offset_reset="latest"`: what came is left out.
    """
    begin(city)
    history = History()
    history.report(kecamatan=TIMUR)
    city.write(*history.entries)
    city.publish()
    city.lose_offsets()
    with city.working():
        city.read_all()
        wait_for(lambda: city.figures() == city.wanted(), "what came meanwhile is counted, once")
