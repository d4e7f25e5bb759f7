"""The verdict: after each step the real side is as the model says."""

from __future__ import annotations

from hypothesis.stateful import invariant

from shared.worker import operations
from tests.integration.foundation.stateful.history import History
from tests.integration.foundation.stateful.world import mark_of


class Verdict(History):
    """What is promised."""

    @invariant()
    def all_is_as_promised(self) -> None:
        self.the_journal_holds_what_was_acknowledged_and_no_more()
        self.the_topic_holds_what_is_marked_in_order()
        self.the_reader_did_each_thing_once_and_in_order()

    def the_journal_holds_what_was_acknowledged_and_no_more(self) -> None:
        found: dict[str, list[int]] = {}
        for entry in self.world.entries():
            marks = found.setdefault(entry["stream"], [])
            marks.append(mark_of(entry))
            assert entry["version"] == len(marks), f"a gap or a repetition in {entry['stream']}: {entry['version']}"
        assert found == self.ledger.streams
        database = self.world.directory.database
        assert {note["_id"] for note in database["notes"].find()} == self.ledger.notes
        assert database["tally"].find_one()["count"] == self.ledger.counted  # type: ignore[index]
        commands = {entry["_id"]: (entry["fingerprint"], entry["answer"]) for entry in database["commands"].find()}
        for entry in self.world.entries():
            if record := entry.get("command"):
                commands[record["id"]] = (record["fingerprint"], record["answer"])
        assert commands == {f"client:{key}": known for key, known in self.ledger.commands.items()}

    def the_topic_holds_what_is_marked_in_order(self) -> None:
        self.world.read_topic()
        first = self.world.first_occurrences()
        versions: dict[str, int] = {}
        for _, stream, version in first:
            assert version == versions.get(stream, 0) + 1, f"{stream}: version {version} lies behind {versions}"
            versions[stream] = version
        there = {identifier for identifier, _, _ in first}
        entries = self.world.entries()
        lost = [(each["stream"], each["version"]) for each in entries if not each.get("pending")]
        lost = [place for place in lost if place not in {(stream, version) for _, stream, version in first}]
        assert not lost, f"marked as published, and not on the topic: {lost}"
        assert there <= {entry["_id"] for entry in entries}, "on the topic, and not in the journal"

    def the_reader_did_each_thing_once_and_in_order(self) -> None:
        stands = self.world.positions()
        for partition, records in self.world.read_topic().items():
            self.reader.read(records, partition, stands.get(partition, 0))
        database = self.world.reporting.database
        effects = {entry["_id"]: entry["versions"] for entry in database["effects"].find()}
        assert effects == self.reader.effects
        assert {entry["_id"]: entry["count"] for entry in database["effects"].find()} == {
            stream: len(versions) for stream, versions in self.reader.effects.items()
        }
        assert {entry["_id"]: entry["version"] for entry in database["versions"].find()} == self.reader.seen
        queues: dict[str, list[tuple[str, str, int]]] = {}
        for entry in operations.parked(database):
            queues.setdefault(entry["key"], []).append((entry["_id"], entry["error"], entry["attempts"]))
        assert queues == {
            key: [(self.world.place_of(each.record), each.error, each.attempts) for each in queue]
            for key, queue in self.reader.queues.items()
        }
