"""Counts wrong sign-ins per account and per address and says when it is enough.

It uses `limits`, the engine of Flask-Limiter, by itself: an attempt is counted before the password is looked at, so
that many at the same moment cannot slip through, and given back when it was right. Only keyed hashes are stored.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MongoDBStorage
from limits.strategies import FixedWindowRateLimiter
from pymongo.database import Database

from services.directory.model import normal_email
from services.directory.store import COUNTERS
from shared.foundation import Foundation

#: Wrong attempts in a quarter of an hour. An office shares one address, so that one has more room.
PER_ACCOUNT = RateLimitItemPerMinute(5, 15, namespace="sign-in")
PER_ADDRESS = RateLimitItemPerMinute(30, 15, namespace="sign-in")


class TooManyAttempts(Exception):
    """Signing in is closed to this account or address for `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many attempts")
        self.retry_after = retry_after


class _Storage(MongoDBStorage):
    """The library's storage on the connection that the service has already."""

    STORAGE_SCHEME = []  # not for addresses: `limits` would otherwise take this class for every mongodb:// one

    def __init__(self, database: Database) -> None:
        super().__init__("", database_name=database.name, counter_collection_name=COUNTERS)
        self._storage = database.client  # its indexes are made by store.ensure_indexes, with the others

    def __del__(self) -> None:
        """Leaves the connection open: it is not ours to close."""


class Throttle:
    """The counters of one service."""

    def __init__(self, foundation: Foundation) -> None:
        self._secret = foundation.settings.secret_key.encode()
        self._limiter = FixedWindowRateLimiter(_Storage(foundation.database))

    def begin(self, email: str, address: str) -> None:
        """Count an attempt. Raises TooManyAttempts when the account or the address has had enough wrong ones."""
        waits = [
            self._wait(limit, key) for limit, key in self._counters(email, address) if not self._limiter.hit(limit, key)
        ]
        if waits:
            raise TooManyAttempts(max(waits))

    def succeeded(self, email: str, address: str) -> None:
        """The attempt was right: forget the account's wrong ones and give the address its attempt back."""
        (account_limit, account), (address_limit, place) = self._counters(email, address)
        self._limiter.clear(account_limit, account)
        self._limiter.hit(address_limit, place, cost=-1)

    def _counters(self, email: str, address: str) -> list[tuple[RateLimitItemPerMinute, str]]:
        return [
            (PER_ACCOUNT, self._key(f"account {normal_email(email)}")),
            (PER_ADDRESS, self._key(f"address {address}")),
        ]

    def _key(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _wait(self, limit: RateLimitItemPerMinute, key: str) -> int:
        reset_at, _ = self._limiter.get_window_stats(limit, key)
        return max(1, math.ceil(reset_at - time.time()))
