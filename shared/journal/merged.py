"""Documents of a unit that many events of a batch touch: each is written once, whatever happened to it on the way.

`put` says what a document is, `add` what is to be added to it; both are gathered in memory and sent as one update
command per collection. What was put, or loaded for the whole batch, is known here and not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.collection import Collection

Document = dict[str, Any]


class Merged:
    """The merged writes of one unit to one collection."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._known: dict[str, Document | None] = {}
        self._put: set[str] = set()
        self._added: dict[str, tuple[dict[str, int], dict[str, Any], Mapping[str, Any]]] = {}

    def put(self, identifier: str, content: Mapping[str, Any]) -> None:
        """The document with this id is `content`, whether it was there or not."""
        self._known[identifier] = dict(content)
        self._put.add(identifier)

    def add(
        self, identifier: str, increments: Mapping[str, int], highest: Mapping[str, Any], first: Mapping[str, Any]
    ) -> None:
        """Adds to the document's numbers, raises what is `highest`, and sets `first` if the document is new."""
        sums, most, _ = self._added.setdefault(identifier, ({}, {}, first))
        for name, number in increments.items():
            sums[name] = sums.get(name, 0) + number
        for name, value in highest.items():
            most[name] = max(most.get(name, value), value)

    def missing(self, identifiers: Iterable[str]) -> list[str]:
        """Those of which nothing is known yet."""
        return [identifier for identifier in identifiers if identifier not in self._known]

    def learn(self, identifiers: Iterable[str], found: Iterable[Document]) -> None:
        """Takes up what was read: those that were not found are known not to be there."""
        self._known.update(dict.fromkeys(identifiers))
        self._known.update({document.pop("_id"): document for document in found})

    def get(self, identifier: str) -> Document | None:
        """What is known of a document, without its id."""
        return self._known.get(identifier)

    def take(self) -> list[Document]:
        """The statements of an update for what was gathered since the last time."""
        updates: list[Document] = [
            {"q": {"_id": identifier}, "u": {**(self._known[identifier] or {}), "_id": identifier}, "upsert": True}
            for identifier in self._put
        ]
        for identifier, (sums, most, first) in self._added.items():
            change = {"$inc": sums, "$max": most, "$setOnInsert": first}
            change = {name: values for name, values in change.items() if values}
            updates.append({"q": {"_id": identifier}, "u": change, "upsert": True})
        self._put, self._added = set(), {}
        return updates
