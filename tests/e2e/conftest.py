"""One running product for all end-to-end tests, without the clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), "--without-clock")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
