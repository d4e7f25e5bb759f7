"""kafka-python's consumer, mended where it would stop reading without a word.

When the metadata of a topic comes after the group was joined, kafka-python 3.0.12 joins again; if that outlasts one
`poll`, it forgets that it was joining: the answer is never taken up, heartbeats stay off, the broker drops the member,
and `poll` returns nothing for ever. Seen on a busy machine in one start of ten.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer


class Consumer(KafkaConsumer):
    """Use it as KafkaConsumer."""

    def poll(self, *arguments: Any, **options: Any) -> Any:
        """As KafkaConsumer's; a join that the poll before left under way is taken up first."""
        coordinator = self._coordinator
        if coordinator._join_task is not None:
            coordinator.request_rejoin()  # it goes on waiting for the join that was begun, and begins no other
        return super().poll(*arguments, **options)
