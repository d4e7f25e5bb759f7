"""Making the read models again from the log, beside the live ones: `rujukan replay reporting`.

What is the same for every service is in shared.worker.rebuild; here stands what reporting's models are.
"""

from __future__ import annotations

from services.reporting import store
from services.reporting.handlers import TOPICS, handlers
from shared.foundation import Foundation
from shared.worker import rebuild as shared_rebuild

COLLECTIONS = (store.FACTS, store.CUBES)


def rebuild(foundation: Foundation, say: shared_rebuild.Say = lambda progress: None) -> bool:
    """Builds the next generation and switches to it; see `shared.worker.rebuild.rebuild`."""
    models = shared_rebuild.Models(TOPICS, handlers(foundation), COLLECTIONS, store.ensure_indexes)
    return shared_rebuild.rebuild(foundation, models, say)
