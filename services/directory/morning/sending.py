"""Who gets the morning's e-mail, and that each gets one a day, however often this runs, overlaps or is killed.

What is meant to go out is written down first: one entry for each account and day. An e-mail goes from `claimed` (this
run is about to hand it over; another one may, when that is a while ago) to `handed` (at the last moment before the
server gets its content) to `sent`. A server that did not take it leaves `refused`, and the next run tries again. What
stays `handed` may have arrived: it is not sent again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from services.directory.morning import wishes
from services.directory.morning.message import Recipient, message
from services.directory.morning.post import NotTaken, Post, Unreachable, Unsure
from services.directory.store import MORNING_EMAILS
from shared import failpoints
from shared.domain.work import Counts, Work
from shared.domain.working_time import WIB, calendar, is_working_day, wib_date
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.settings import MailServer
from shared.telemetry.logs import get_logger
from shared.web.routes import LANGUAGES

ROLES = ("case_worker", "supervisor", "partner_agency")
CLAIMED, HANDED, SENT, REFUSED, NOTHING = "claimed", "handed", "sent", "refused", "nothing"
CLAIM_LASTS = timedelta(minutes=5)
MOST_ATTEMPTS = 6
"""How often an e-mail that the server does not take is tried in a day: with a run every ten minutes, for an hour."""
KEPT = timedelta(days=30)

log = get_logger(__name__)


class NoMailServer(Exception):
    """The settings name no mail server: no e-mail is sent here."""


class _TakenOver(Exception):
    """Another run claimed the e-mail meanwhile."""


@dataclass
class Outcome:
    """What came of a run, as numbers of people."""

    sent: int = 0
    nothing: int = 0
    """For whom no work waits today: they get no e-mail."""
    waiting: int = 0
    """Whose e-mail the next run tries again."""
    unsure: int = 0
    """Whose e-mail may have arrived or not, for the connection broke. It is not sent again."""


def is_time(now: datetime) -> bool:
    """Whether it is a working day and the offices have opened. A clock that stood still then is late, on that day."""
    return is_working_day(wib_date(now)) and now.astimezone(WIB).time() >= calendar().opens


def recipients(foundation: Foundation) -> list[Recipient]:
    """Everybody who may get today's e-mail and has not been dealt with yet today. Raises Unavailable.

    Accounts of the demonstration get none: their addresses are nobody's.
    """
    database, now = foundation.database, foundation.clock()
    day = wib_date(now)
    with reachable():
        accounts = list(
            database.accounts.find(
                {"role": {"$in": ROLES}, "active": True, "demonstration": {"$ne": True}},
                {"role": 1, "agency_id": 1, "person_id": 1},
            )
        )
        entries = database[MORNING_EMAILS].find({"_id": {"$in": [_key(day, each["_id"]) for each in accounts]}})
        settled = {entry["_id"] for entry in entries if not _may_be_tried(entry, now)}
        of_people = database.people.find({"_id": {"$in": [each["person_id"] for each in accounts]}}, {"email": 1})
        addresses = {each["_id"]: each["email"] for each in of_people}
    chosen = wishes.wishes(foundation, (each["_id"] for each in accounts))
    return [
        Recipient(each["_id"], each["role"], each["agency_id"], addresses[each["person_id"]], language)
        for each in accounts
        if _key(day, each["_id"]) not in settled
        and (language := chosen.get(each["_id"], LANGUAGES[0])) != wishes.NONE
        and each["person_id"] in addresses
    ]


def send(foundation: Foundation, work: Work, people: Iterable[Recipient]) -> Outcome:
    """Sends each of these people the e-mail of what waits for them, or notes that nothing does.

    Only on the day on which the work was counted. Whom the server does not take keeps nobody else waiting; a server
    that is away ends the run. Raises Unavailable, NoMailServer.
    """
    done = Outcome()
    told: list[tuple[Recipient, Counts]] = []
    for person in people:
        if counts := work.of(person.account_id, person.role, person.agency_id):
            told.append((person, counts))
        else:
            done.nothing += _note_nothing(foundation, person, work)
    if not told:
        return done
    untried = len(told)
    try:
        with Post(_server(foundation)) as post:
            for person, counts in told:
                if wib_date(foundation.clock()) != wib_date(work.counted_at):
                    break
                _send_one(foundation, post, work, person, counts, done)
                untried -= 1
    except Unreachable as error:
        done.waiting += untried
        log.warning("mail_server_unreachable", error=str(error))
    log.info("morning_emails", **vars(done))
    return done


def _send_one(foundation: Foundation, post: Post, work: Work, person: Recipient, counts: Counts, done: Outcome) -> None:
    """Sends one e-mail if nobody else does, and adds what came of it to `done`. Raises Unreachable."""
    key, claim = _key(wib_date(work.counted_at), person.account_id), secrets.token_hex(16)
    if not _claim(foundation, key, claim):
        return
    failpoints.reach("morning.claimed")
    sender = _server(foundation).sender
    content = message(person, counts, work.counted_at, foundation.settings.base_url, sender).as_bytes()

    def before() -> None:
        if not _move(foundation, key, claim, {"$set": {"state": HANDED}}):
            raise _TakenOver
        failpoints.reach("morning.handed")

    try:
        post.hand_over(person.address, content, before)
    except _TakenOver:
        return
    except NotTaken as refused:
        _move(foundation, key, claim, {"$set": {"state": REFUSED}, "$inc": {"attempts": 1}})
        log.warning("morning_email_refused", account=person.account_id, code=refused.code)
        done.waiting += 1
    except Unreachable:
        _move(foundation, key, claim, {"$set": {"state": REFUSED}})
        raise
    except Unsure as error:
        log.warning("morning_email_unsure", account=person.account_id, error=str(error))
        done.unsure += 1
    else:
        failpoints.reach("morning.taken")
        _move(foundation, key, claim, {"$set": {"state": SENT}})
        done.sent += 1


def _claim(foundation: Foundation, key: str, claim: str) -> bool:
    """Writes down that this run is about to send it. False when it is another one's, or was dealt with."""
    now = foundation.clock()
    free = [
        {"state": REFUSED, "attempts": {"$not": {"$gte": MOST_ATTEMPTS}}},
        {"state": CLAIMED, "until": {"$lte": now}},
    ]
    claimed = {"state": CLAIMED, "claim": claim, "until": now + CLAIM_LASTS, "expires_at": now + KEPT}
    return _upsert(foundation, {"_id": key, "$or": free}, {"$set": claimed})


def _note_nothing(foundation: Foundation, person: Recipient, work: Work) -> bool:
    """Writes down that nothing waited for somebody this morning. False when it was written before."""
    key = _key(wib_date(work.counted_at), person.account_id)
    entry = {"state": NOTHING, "expires_at": work.counted_at + KEPT}
    return _upsert(foundation, {"_id": key, "state": REFUSED}, {"$set": entry})


def _upsert(foundation: Foundation, question: dict[str, Any], change: dict[str, Any]) -> bool:
    """Changes the entry, or makes it where there is none. False where there is one that the question does not fit."""
    try:
        with reachable():
            foundation.database[MORNING_EMAILS].update_one(question, change, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def _move(foundation: Foundation, key: str, claim: str, change: dict[str, Any]) -> bool:
    """Changes an entry that is still this run's."""
    with reachable():
        moved = foundation.database[MORNING_EMAILS].update_one({"_id": key, "claim": claim}, change)
    return bool(moved.matched_count)


def _may_be_tried(entry: Mapping[str, Any], now: datetime) -> bool:
    """Whether a run may claim the e-mail of this entry: as `_claim` asks the database."""
    if entry["state"] == CLAIMED:
        return bool(entry["until"] <= now)
    return bool(entry["state"] == REFUSED and entry.get("attempts", 0) < MOST_ATTEMPTS)


def _key(day: date, account_id: str) -> str:
    return f"{day}:{account_id}"


def _server(foundation: Foundation) -> MailServer:
    server = foundation.settings.mail
    if server is None:
        raise NoMailServer
    return server
