"""kafka-python's consumer: for the member of a group, mended where it would stop reading without a word, and without
a group.

When the metadata of a topic comes after the group was joined, kafka-python 3.0.12 joins again; if that outlasts one
`poll`, it forgets that it was joining: the answer is never taken up, heartbeats stay off, the broker drops the member,
and `poll` returns nothing for ever. Seen on a busy machine in one start of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer

from shared.broker import connection
from shared.events import Message
from shared.settings import Settings
from shared.worker.processor import Handler, Record, read


class Consumer(KafkaConsumer):
    """Use it as KafkaConsumer."""

    def poll(self, *arguments: Any, **options: Any) -> Any:
        """As KafkaConsumer's; a join that the poll before left under way is taken up first."""
        coordinator = self._coordinator
        if coordinator._join_task is not None:
            coordinator.request_rejoin()  # it goes on waiting for the join that was begun, and begins no other
        return super().poll(*arguments, **options)


def onlooker(settings: Settings, role: str, **options: Any) -> KafkaConsumer:
    """A consumer that joins no group, commits nothing and makes no topic; `role` names it to the broker.

    It begins at the oldest, unless `options` (KafkaConsumer's) say otherwise.
    """
    usual = {"auto_offset_reset": "earliest", "bootstrap_timeout_ms": 5_000}
    return KafkaConsumer(
        **connection(settings),
        client_id=f"rujukan-{role}-{settings.service}",
        group_id=None,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        **{**usual, **options},
    )


def records(polled: Mapping[Any, Iterable[Any]], wanted: Mapping[str, Handler]) -> list[Record]:
    """What one poll returned, read as far as it can be; events of other types than the wanted pass by unread."""
    return [
        read(Record(r.topic, r.partition, r.offset, Message(r.key, r.value, list(r.headers))), wanted)
        for batch in polled.values()
        for r in batch
    ]
