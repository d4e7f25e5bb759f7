"""The published language: the catalogue of event types, their topics and their envelope."""

from shared.events.catalogue import CATALOGUE, EventType, InvalidEvent
from shared.events.envelope import DecodeError, Event, Message, NewEvent, decode, encode, peek

__all__ = [
    "CATALOGUE",
    "DecodeError",
    "Event",
    "EventType",
    "InvalidEvent",
    "Message",
    "NewEvent",
    "decode",
    "encode",
    "peek",
]
