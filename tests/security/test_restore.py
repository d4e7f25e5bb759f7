"""A restore drill: from a backup survivors open and whoever was erased does not (19).

(That nothing is counted or opened twice after a restore is in tests/chaos/test_restores.py.)
"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from shared.foundation import Foundation
from shared.mongo import Unavailable
from shared.settings import load
from shared.vault import NotHeld
from tests.security.test_keys import (  # noqa: F401
    CLERK,
    NAME,
    environ,
    key_file,
    name_of,
    rotate,
    sealed,
)

pytestmark = pytest.mark.mongo


def copy(mongo: Any, prefix: str) -> dict[str, dict[str, list[Any]]]:
    """What a backup of the data holds: every document of intake and of the vault."""
    return {
        name: {
            collection: list(mongo.client()[prefix + name][collection].find())
            for collection in mongo.client()[prefix + name].list_collection_names()
        }
        for name in ("intake", "vault")
    }


def put_back(mongo: Any, prefix: str, backup: dict[str, dict[str, list[Any]]]) -> None:
    for name, collections in backup.items():
        database = mongo.client()[prefix + name]
        for collection in database.list_collection_names():
            database[collection].delete_many({})
        for collection, documents in collections.items():
            if documents:
                database[collection].insert_many(documents)


def anew(environ: dict[str, str]) -> Foundation:
    """A process that is started after the restore: it remembers no keyset."""
    return Foundation.start(load("intake", environ))


def test_19_after_a_restore_survivors_open_and_the_erased_do_not(
    intake, rotate, key_file: Path, environ, mongo, prefix, tmp_path: Path
) -> None:
    """The backup that docs/operators.md asks for: right after the rotation that follows an erasure, its key apart.

    Tried: a rotation with `--keep-old` (the older copy opens); an erasure that leaves the person (the drill opens).
    """
    [erased, survivor] = sealed(intake, 2)
    old_data = copy(mongo, prefix)
    intake.journal.run(lambda unit: intake.sealed.erase(unit, erased) or {}, actor=CLERK)
    assert rotate("--grace", "0").returncode == 0
    data, key = copy(mongo, prefix), shutil.copytree(key_file.parent, tmp_path / "key-backup")

    # The disk is lost, with everything that came later.
    [later] = sealed(intake)
    put_back(mongo, prefix, data)
    shutil.rmtree(key_file.parent)
    shutil.copytree(key, key_file.parent)
    restored = anew(environ)
    assert name_of(restored, survivor) == f"{NAME} {survivor}"
    for gone in (erased, later):
        with pytest.raises(NotHeld):
            name_of(restored, gone)

    # An older copy, from before the erasure, has the erased one's keyset, and no key that opens it is left.
    put_back(mongo, prefix, old_data)
    with pytest.raises(Unavailable):
        name_of(anew(environ), erased)
