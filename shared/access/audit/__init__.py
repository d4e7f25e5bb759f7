"""The audit log: written before an identity is shown, chained entry by entry, its heads kept elsewhere."""

from shared.access.audit.chain import Anchor, Wrong, verify
from shared.access.audit.heads import Heads, read_heads
from shared.access.audit.log import BASES, COLLECTION, Audit, ensure_indexes

__all__ = ["BASES", "COLLECTION", "Anchor", "Audit", "Heads", "Wrong", "ensure_indexes", "read_heads", "verify"]
