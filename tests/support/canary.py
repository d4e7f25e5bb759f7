"""Invented identities that must be found nowhere outside the vault, and the search for them.

Everything is searched as it would be read: decoded documents, records and files, also in base64, with JSON escapes,
and telephone numbers without their punctuation. A search is only worth something if it finds a planted canary.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bson import json_util
from kafka import KafkaConsumer, TopicPartition

from shared import domain


class Canary:
    """One identity with a unique mark in every identifying field."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        digits = str(uuid.uuid4().int)
        self.nik = digits[:16]
        more = str(uuid.uuid4().int)
        self.phones = {"guardian_phone": digits[16:26], "reporter_phone": digits[26:36], "phone": more[:10]}
        # A day that nobody is born on: a real one would be found by accident.
        self.birth_date = f"9{more[10:13]}-{more[13:15]}-{more[15:17]}"

    def value(self, field: str) -> str:
        """The canary of a field."""
        if field == "nik":
            return self.nik
        if field == "birth_date":
            return self.birth_date
        if field in self.phones:
            digits = self.phones[field]
            return f"{digits[:4]}-{digits[4:7]} {digits[7:]}"
        return f'Kenari "{field}" {self.mark}'

    def report(self) -> dict[str, Any]:
        """A report with a canary in each of the fields that are declared as identifying."""
        person = {field: self.value(field) for field in domain.identifying_fields("person") if field in PERSON}
        return {
            "channel": "transfer_in",
            "received_on": "2026-03-02",
            "kelurahan": "33.75.02.1010",
            "work_type": "batik",
            "children": [{**person, "sex": "female", "age_years": 12}],
            "reporter": {"name": self.value("reporter_name"), "phone": self.value("reporter_phone")},
            "workplace": {"name": self.value("workplace_name"), "address": self.value("workplace_address")},
            "transfer": {"office": self.value("transfer_office"), "reference": self.value("transfer_reference")},
            "narrative": self.value("narrative"),
        }

    def needles(self) -> list[str]:
        """What to look for; each is unique enough to be no accident."""
        found = [self.mark, self.nik, self.birth_date, *self.phones.values()]
        for text in (self.mark, self.nik):
            for shift in range(3):  # base64 depends on where in its group the text begins
                encoded = base64.b64encode(b"\0" * shift + text.encode()).decode()
                found.append(encoded[4 if shift else 0 : -4])
        return found

    def hits(self, places: Iterable[tuple[str, str]]) -> list[str]:
        """The places (name, text) in which one of the needles is."""
        needles = re.compile("|".join(map(re.escape, self.needles())))
        return [name for name, text in places if any(needles.search(form) for form in _forms(text))]


#: What the form of a report takes of a child.
PERSON = ("name", "alias", "nik", "guardian_name", "guardian_phone", "address", "school")
_PUNCTUATION = re.compile(r"(?<=\d)[-. ()/]+(?=\d)")


def _forms(text: str) -> Iterator[str]:
    yield text
    yield _PUNCTUATION.sub("", text)
    if "\\u" in text:
        yield re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def documents(client: Any, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every document of every database except those named, the oplog included (its vault entries excepted)."""
    for database in client.list_database_names():
        if database in but:
            continue
        # Of MongoDB's own collections only the oplog holds what we wrote; others are closed even to an administrator.
        names = ["oplog.rs"] if database == "local" else client[database].list_collection_names()
        for collection in names:
            if collection.startswith("system."):
                continue
            for document in client[database][collection].find():
                if database == "local" and _is_about(document, but):
                    continue
                yield f"{database}.{collection}", _readable(document)


def files(directory: Path, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every file below a directory, as text; not the folders named (data files whose content is read as documents)."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not set(path.relative_to(directory).parts) & set(but):
            yield str(path), path.read_bytes().decode("utf-8", errors="replace")


def records(bootstrap: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every record of every topic, also of those that are no events of ours: key, headers and value, decompressed."""
    consumer = KafkaConsumer(bootstrap_servers=list(bootstrap), enable_auto_commit=False)
    try:
        for topic in sorted(consumer.topics()):
            partitions = [
                TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for batch in consumer.poll(timeout_ms=500).values():
                    for record in batch:
                        yield f"topic {topic}", _readable([record.key, record.value, list(record.headers)])
    finally:
        consumer.close()


def _is_about(entry: dict[str, Any], databases: tuple[str, ...]) -> bool:
    """Whether an entry of the oplog writes to one of the databases. A transaction's entry holds all its writes."""
    if "applyOps" in entry.get("o", {}):
        entry["o"]["applyOps"] = [each for each in entry["o"]["applyOps"] if not _is_about(each, databases)]
        return False
    return str(entry.get("ns", "")).partition(".")[0] in databases


def _readable(document: Any) -> str:
    """A document as text, binary values decoded as far as they are text."""
    return json.dumps(_plain(document), default=json_util.default, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value
