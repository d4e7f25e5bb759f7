"""Journal to Kafka, one leader per service."""

from shared.relay.relay import LEASE, RelayStuck, run

__all__ = ["LEASE", "RelayStuck", "run"]
