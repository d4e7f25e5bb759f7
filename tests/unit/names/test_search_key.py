"""The search key lies in a file that only its owner can read; anything else is refused with the file's name."""

from pathlib import Path

import pytest

from shared.vault.keys import KeyFileError
from shared.vault.search_key import create_search_key_file, load_search_key_file


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    create_search_key_file(one)
    create_search_key_file(other)
    assert load_search_key_file(one) == load_search_key_file(one)
    assert load_search_key_file(one).id != load_search_key_file(other).id
    assert len(load_search_key_file(one).secret) == 32
    with pytest.raises(FileExistsError):
        create_search_key_file(one)


@pytest.mark.parametrize("content", ["", "00" * 31, "no key at all", '{"key": []}'])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="no key"):
        load_search_key_file(path)


def test_a_key_that_others_can_read_is_refused_and_so_is_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_search_key_file(path)
    create_search_key_file(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="others can read"):
        load_search_key_file(path)
