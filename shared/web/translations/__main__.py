"""`python -m shared.web.translations update`: adds new texts to the catalogues, drops those no longer used.
`python -m shared.web.translations check`: lists what is not translated and ends with 1 if there is anything.
Either may be followed by rooms (`shared`, `intake`, ...); without them it does all.

It translates nothing by itself and guesses nothing (no fuzzy entries): new texts come in empty, for a person to fill.
"""

from __future__ import annotations

import sys
from io import BytesIO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from shared.web.translations import ROOT, SHARED, TRANSLATED, Room, first, gaps, messages, read_catalogue, rooms


def update(room: Room, language: str, shared: Catalog | None) -> bool:
    """Brings one catalogue up to date; texts that the foundation translates are left to it. True if it changed."""
    path = room.catalogue_file(language)
    old = read_catalogue(path, language)
    header = _HEADER.format(room=room.name, language=language, plurals=_PLURALS[language])
    new = read_po(BytesIO(header.encode()), locale=language)
    for message in messages(room):
        if not message.id:
            continue
        key = first(message.id)
        if shared is not None and shared.get(key, message.context) is not None:
            continue
        known = old.get(key, message.context)
        locations = sorted({location for location, _line in message.locations})
        new.add(
            message.id,
            _string(message, known),
            [(location, 0) for location in locations],
            auto_comments=message.auto_comments,
            context=message.context,
        )
    buffer = BytesIO()
    write_po(buffer, new, width=110, sort_output=True, include_lineno=False, omit_header=True)
    text = header + buffer.getvalue().decode()
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if any(message.id for message in new) or path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


# Indonesian has one form for every number; Babel assumes two for languages that it does not list.
_PLURALS = {"id": "nplurals=1; plural=0;"}
# Written by hand: Babel's own header carries the time of the run, which would change the file every time.
_HEADER = """# Texts of {room}. The msgid is the English text; the msgstr is what a city office would write.
# Brought up to date by: python -m shared.web.translations update
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""


def _string(message: Message, known: Message | None) -> str | tuple[str, ...] | None:
    """What the old catalogue says, unless the text became plural or singular since."""
    if known is None:
        return None
    strings = (known.string,) if isinstance(known.string, str) else tuple(known.string or ("",))
    return strings[0] if isinstance(message.id, str) else strings[:1]


def main(arguments: list[str]) -> int:
    """Runs `update` or `check`; returns the exit code."""
    known = {room.name: room for room in rooms()}
    command, names = (arguments or [""])[0], arguments[1:]
    if command not in ("update", "check") or not set(names) <= set(known):
        sys.stderr.write(f"Usage: python -m shared.web.translations update|check [{'|'.join(known)} ...]\n")
        return 2
    chosen = [known[name] for name in names] or list(known.values())
    if command == "update":
        shared = messages(known[SHARED])
        for language in TRANSLATED:
            for room in chosen:
                if update(room, language, None if room.name == SHARED else shared):
                    sys.stdout.write(f"{room.catalogue_file(language).relative_to(ROOT)}: changed\n")
        read_catalogue.cache_clear()
    missing = [
        (room.name, language, text) for language in TRANSLATED for room in chosen for text in gaps(room, language)
    ]
    for name, language, text in missing:
        sys.stdout.write(f"{name}: {language}: not translated: {text!r}\n")
    return 1 if missing and command == "check" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
