"""Reads the data files of this folder, and says which file and entry is wrong when one is.

It knows no file's meaning; the modules beside it do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

#: Languages in which everything that people see has a name; the first is the default.
LANGUAGES = ("id", "en")

FOLDER = Path(__file__).parent


class DomainDataError(ValueError):
    """A data file says something that cannot be; the message names the file and the entry."""


def read(path: Path) -> Any:
    """The content of a YAML file. A key that stands twice in one mapping is an error, not the last one's victory."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)


def names(entry: Mapping[str, Any], where: str) -> dict[str, str]:
    """The name in each language. Raises DomainDataError if one is missing, empty or no text."""
    found = {language: entry.get(language) for language in LANGUAGES}
    for language, name in found.items():
        if not isinstance(name, str) or not name.strip():
            raise DomainDataError(f"{where}: no name in {language!r}")
    return found  # type: ignore[return-value]  # checked just above


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise DomainDataError(f"{node.start_mark}: {', '.join(map(str, repeated))} stands twice")
        return super().construct_mapping(node, deep)
