"""Where things stand in a YAML file: line and column of every value, and keys that stand there twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]
Marks = dict[Path, tuple[int, int]]


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong in a file, at a line and column (from 1). `story`: the shortest way there, where there is one."""

    line: int
    column: int
    message: str
    story: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = "".join(f"\n    {number}. {step}" for number, step in enumerate(self.story, 1))
        return f"{self.line}:{self.column}: {self.message}{told}"


class DefinitionError(Exception):
    """A definition that cannot be used. `faults` are in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def read_yaml(text: str) -> tuple[Any, Marks]:
    """The content and its marks. Raises DefinitionError for what is no YAML, or has a key twice."""
    try:
        return _content(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DefinitionError([Fault(*place, f"is no YAML: {error.problem}")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DefinitionError([Fault(line, 1, "has a character that no text file has")]) from None
    except RecursionError:
        raise DefinitionError([Fault(1, 1, "is nested too deeply, or within itself")]) from None
    except ValueError:
        raise DefinitionError([Fault(1, 1, "has a date or a number that is none")]) from None


def _content(text: str) -> tuple[Any, Marks]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise DefinitionError([Fault(1, 1, "the file is empty")])
        marks: Marks = {}
        twice = list(_walk(node, (), marks))
        if twice:
            raise DefinitionError(sorted(twice))
        return loader.construct_document(node), marks
    finally:
        loader.dispose()


def at(marks: Marks, path: Path) -> tuple[int, int]:
    """Where a path stands, or the nearest thing around it that is in the file."""
    while path and path not in marks:
        path = path[:-1]
    return marks.get(path, (1, 1))


def _walk(node: yaml.Node, path: Path, marks: Marks) -> Iterator[Fault]:
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            place = key.start_mark.line + 1, key.start_mark.column + 1
            if name in seen:
                yield Fault(*place, f"{name!r} stands here twice")
            seen.add(name)
            if not isinstance(value, yaml.ScalarNode):
                marks[(*path, name)] = place
            yield from _walk(value, (*path, name), marks)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, (*path, number), marks)
