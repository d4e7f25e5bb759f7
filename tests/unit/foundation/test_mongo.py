"""Which errors of the driver mean that the database is away for now, and which that something is wrong."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, PyMongoError

from shared.mongo import Unavailable, is_unreachable, reachable


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("the primary is gone"),
        # A campaign of step-downs found this as a 500: a node that has just been elected, or started, does not yet
        # know the key of the cluster's time.
        OperationFailure("No keys found for HMAC that is valid for time", 211),
        OperationFailure("operation was interrupted", 11602),
    ],
)
def test_a_database_without_a_working_primary_is_away(error: PyMongoError) -> None:
    assert is_unreachable(error)
    with pytest.raises(Unavailable), reachable():
        raise error


@pytest.mark.parametrize("error", [DuplicateKeyError("twice", 11000), OperationFailure("not authorized", 13)])
def test_a_database_that_refuses_is_not_away(error: PyMongoError) -> None:
    assert not is_unreachable(error)
    with pytest.raises(type(error)), reachable():
        raise error
