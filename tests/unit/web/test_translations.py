"""No text without its Indonesian: in the foundation, in every service, and in the words of the libraries."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from string import Formatter

import marshmallow as ma
import pytest
import wtforms
from babel.messages.pofile import read_po

from shared.web.translations import SHARED, TRANSLATED, Room, first, gaps, messages, read_catalogue, rooms
from shared.web.validation_messages import MARSHMALLOW, WTFORMS, WTFORMS_NOT_SHOWN

ROOMS = rooms()
PLACEHOLDER = re.compile(r"%\((\w+)\)[sdf]|%\{(\w+)\}")


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_text_is_translated(room: Room, language: str) -> None:
    missing = sorted(gaps(room, language))
    assert not missing, (
        f"{room.name} has texts without {language}; run `python -m shared.web.translations update {room.name}` and "
        f"fill them in: {missing}"
    )


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_translations_keep_their_placeholders(room: Room, language: str) -> None:
    for message in read_catalogue(room.catalogue_file(language), language):
        wanted = _placeholders(first(message.id))
        for text in [message.string] if isinstance(message.string, str) else message.string:
            if text and message.id:
                assert _placeholders(text) <= wanted, f"{text!r} has placeholders that {message.id!r} has not"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_the_extractor_finds_the_templates(room: Room) -> None:
    """A template that cannot be read, or lies where nobody looks, would hide its texts."""
    templates = list(room.source.glob("**/templates/**/*.html"))
    with_texts = [path for path in templates if re.search(r"\b_\(", path.read_text(encoding="utf-8"))]
    found = {location for message in messages(room) for location, _line in message.locations}
    assert {str(path.relative_to(room.source)) for path in with_texts} <= found


def test_a_gap_is_found(tmp_path: Path) -> None:
    (tmp_path / "pages.py").write_text('title = _("A text nobody translated")\n')
    room = Room("sample", tmp_path, tmp_path / "translations")
    assert list(gaps(room, "id")) == ["A text nobody translated"]
    catalogue = room.catalogue_file("id")
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('#, fuzzy\nmsgid "A text nobody translated"\nmsgstr "Teks"\n')
    read_catalogue.cache_clear()
    assert list(gaps(room, "id")) == ["A text nobody translated"], "a fuzzy entry is a guess"


def test_all_of_wtforms_is_covered() -> None:
    pot = Path(wtforms.__file__).parent / "locale" / "wtforms.pot"
    with pot.open("rb") as file:
        theirs = {first(message.id) for message in read_po(file) if message.id}
    ours = {first(message.id) for message in messages(ROOMS[0])}
    assert set(WTFORMS) <= ours
    assert theirs - ours - set(WTFORMS_NOT_SHOWN) == set()


def test_all_of_marshmallow_is_covered() -> None:
    """Every message that a field or validator of marshmallow can make is recognised; patterns count by their shape."""
    theirs = set(ma.Schema._default_error_messages.values())
    for _name, kind in inspect.getmembers(ma.fields, inspect.isclass):
        theirs |= {text for text in getattr(kind, "default_error_messages", {}).values() if isinstance(text, str)}
    for _name, kind in inspect.getmembers(ma.validate, inspect.isclass):
        theirs |= {
            value
            for name, value in vars(kind).items()
            if isinstance(value, str) and (name == "default_message" or name.startswith("message_"))
        }
    # Parts of other messages, messages about dumping, and ones that are finished from parts listed below.
    parts = {"greater than or equal to", "greater than", "less than or equal to", "less than"}
    dumping = {
        '"{input}" cannot be formatted as a {obj_type}.',
        '"{input}" cannot be formatted as a date.',
        "{input!r} cannot be formatted as a timedelta.",
    }
    finished = {
        "Not a valid {obj_type}.": "Not a valid datetime.",
        "Not a valid {awareness} {obj_type}.": "Not a valid naive datetime.",
        "Must be {min_op} {{min}}.": "Must be greater than {min}.",
        "Must be {max_op} {{max}}.": "Must be less than {max}.",
        "Must be {min_op} {{min}} and {max_op} {{max}}.": "Must be greater than {min} and less than {max}.",
    }
    assert set(finished.values()) <= set(MARSHMALLOW)
    assert theirs - parts - dumping - set(finished) - set(MARSHMALLOW) == set()


def test_rooms_are_all_there() -> None:
    assert [room.name for room in ROOMS][:1] == [SHARED]
    assert {"intake", "cases", "notifications", "reporting", "directory"} <= {room.name for room in ROOMS}


def _placeholders(text: str) -> set[str]:
    named = {name for pair in PLACEHOLDER.findall(text) for name in pair if name}
    if "%" not in text and "{" in text:
        named |= {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name}
    return named
