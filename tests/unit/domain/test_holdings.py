"""What is held about people besides the sealed fields is told in docs/privacy.md: no collection is left out."""

from services.directory import store
from shared.domain.data import FOLDER, read
from shared.domain.documents import page
from shared.domain.retention import retention
from shared.vault import finder

#: Says only that of two administrators who remove each other one stays.
ABOUT_NOBODY = {store.INSTANCE}


def test_every_collection_of_directory_and_the_hashes_of_the_vault_are_named():
    named = {getattr(store, name) for name in dir(store) if name.isupper() and isinstance(getattr(store, name), str)}
    held = {*named, *store.COLLECTIONS.values(), finder.INDEX} - ABOUT_NOBODY
    told = "".join(entry["where"] for entry in read(FOLDER / "holdings.yaml")["holdings"].values())
    assert {name for name in held if f"`{name}`" not in told} == set()


def test_each_field_says_how_long_by_the_rules_of_retention():
    rows = [line for line in page().splitlines() if "(`person." in line]
    assert rows
    for row in rows:
        assert f"| {retention().shortest} to {retention().longest} months after its case ended" in row
