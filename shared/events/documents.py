"""Writes the published language as documents: an AsyncAPI 3 file and a JSON Schema for each event type.

    python -m shared.events.documents            write docs/events/
    python -m shared.events.documents --check    exit 1 and name what is not current

They are generated from the catalogue and committed, so that a partner can read them without running anything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import RAISE

from shared.events.catalogue import CATALOGUE, EventType
from shared.events.fields import Code
from shared.events.topics import topics

FOLDER = Path(__file__).parents[2] / "docs" / "events"

PLACES = ("kecamatan", "kelurahan")
HEADERS = {
    "ce_specversion": "CloudEvents version, 1.0",
    "ce_id": "Id of the event, the same at every repetition",
    "ce_type": "Name of the event type",
    "ce_source": "The service that states the fact, /rujukan/<service>",
    "ce_subject": "The stream: id of the thing that the fact is about; also the Kafka key",
    "ce_time": "When it happened (RFC 3339)",
    "ce_recordedat": "When it was recorded (RFC 3339)",
    "ce_streamversion": "Place in the stream, from 1 without a gap",
    "ce_epoch": "Life of the journal: rises after a restore",
    "ce_actor": "Id of the account, or of the process of ours, that caused it",
    "ce_correlationid": "The same for everything that one request caused",
    "ce_traceparent": "W3C trace context",
    "ce_dataschema": "urn:rujukan:event:<type>:<version>",
    "content-type": "application/json",
}


def json_schema(entry: EventType) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event type's data, self-contained."""
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: "")
    APISpec("events", "1", "3.1.0", plugins=[plugin])  # gives the plugin its converter
    assert plugin.converter is not None  # noqa: S101  # set by APISpec in the line above

    plugin.converter.add_attribute_function(_constraints)
    schema = plugin.converter.schema2jsonschema(entry.schema(unknown=RAISE))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:rujukan:event:{entry.name}:{entry.version}",
        "title": entry.name,
        "description": entry.summary,
        **_plain(schema),
    }


def _constraints(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """What the fields of ours allow, in JSON Schema's words. Places are left open: another city has others."""
    if isinstance(field, Code) and field.list_name not in PLACES:
        return {"enum": sorted(field.known)}
    pattern = getattr(field, "pattern", None)
    return {"pattern": f"^{pattern}$"} if pattern else {}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of every topic, as a reader sees it."""
    channels = {}
    operations = {}
    for topic in topics():
        types = [entry for entry in CATALOGUE.values() if entry.topic == topic.name]
        channels[topic.name] = {
            "address": topic.name,
            "description": f"Written by {topic.owner}; key: {topic.key}; {topic.partitions} partitions; kept for ever.",
            "messages": {entry.name: {"$ref": f"#/components/messages/{entry.name}"} for entry in types},
            "bindings": {"kafka": {"partitions": topic.partitions, "bindingVersion": "0.5.0"}},
        }
        operations[f"receive {topic.name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{entry.name}"} for entry in types],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Rujukan events",
            "version": "1",
            "description": "Facts about reports, cases, agencies and subscriptions. They carry ids and codes, never an "
            "identity. Readers ignore types, fields and codes that they do not know. Delivery is at least once: "
            "compare ce_epoch and ce_streamversion with the last seen of the stream.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {entry.name: _message(entry) for entry in CATALOGUE.values()}},
    }


def _message(entry: EventType) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": text} for name, text in HEADERS.items()},
        },
        "payload": {"$ref": f"./{entry.name}.v{entry.version}.schema.json"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def documents() -> dict[str, str]:
    """File name -> text of everything that belongs into docs/events/."""
    files = {}
    for entry in CATALOGUE.values():
        text = json.dumps(json_schema(entry), indent=2, ensure_ascii=False)
        files[f"{entry.name}.v{entry.version}.schema.json"] = text + "\n"
    files["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return files


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value


def main(arguments: list[str]) -> int:
    """Writes or checks the documents. Returns the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 0 if arguments == ["--help"] else 2
    wanted = documents()
    present = {path.name: path.read_text() for path in FOLDER.glob("*")} if FOLDER.is_dir() else {}
    different = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if arguments == ["--check"]:
        for name in different:
            print(f"docs/events/{name} is not current: run python -m shared.events.documents")
        return 1 if different else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in different:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name])
        else:
            (FOLDER / name).unlink()
        print(f"docs/events/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
