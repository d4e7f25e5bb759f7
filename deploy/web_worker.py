"""gunicorn's threaded worker, mended where a stop would cut off who has just connected.

gunicorn 27 stops accepting at once, but keeps its listening socket open until the last request is answered: whoever
connects in these seconds waits in the kernel's queue, and is reset with it. A proxy cannot send such a request
elsewhere, for it may have been carried out.
"""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):
    """When it is told to end it takes who waits, and closes: who comes later is refused at once, or taken by others."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """As ThreadWorker's; called with False when the worker has begun to end, and when it is full."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._take_all(listener)
                listener.close()

    def _take_all(self, listener: object) -> None:
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)
