"""The words of the morning's e-mail, in the language that its reader chose: numbers and links.

An e-mail lies open on its way and on telephones: it names no child, no case and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime as rfc_date
from email.utils import formataddr
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.support import NullTranslations, Translations

from shared.domain.work import Counts
from shared.domain.working_time import WIB, wib_date
from shared.ids import derived_id
from shared.web.language import N_, SHARED_TRANSLATIONS
from shared.web.translations import load

TRANSLATIONS = Path(__file__).parents[1] / "translations"
NAME = "Rujukan"


@dataclass(frozen=True)
class Recipient:
    """Somebody with an open account: where they read e-mail, and in which language."""

    account_id: str
    role: str
    agency_id: str | None
    address: str
    language: str


@dataclass(frozen=True)
class Line:
    """One number: `count` is its name in Counts, `label` a msgid, `path` the page that shows what was counted."""

    count: str
    label: str
    path: str


OF_CASES = (
    Line("overdue", N_("Cases that are overdue"), "/cases?overdue=true"),
    Line("due_today", N_("Cases with a deadline today"), "/cases?stage="),
    Line("awaiting", N_("Cases that wait for your decision"), "/cases?awaiting=true"),
    Line("tasks", N_("Cases with a task to see to"), "/cases?stage="),
)
OF_REFERRALS = (
    Line("overdue", N_("Referrals that are overdue"), "/referrals"),
    Line("due_today", N_("Referrals with a deadline today"), "/referrals"),
    Line("unanswered", N_("Referrals that wait for your answer"), "/referrals"),
)
CHOICE = "/morning-email"
"""The page on which one chooses the language, or none."""
SUBJECT = N_("What waits for you, %(day)s")
COUNTED = N_("This waits for you in Rujukan. Counted on %(day)s at %(time)s WIB:")
OPEN = N_("Open the list (you sign in first):")
WHY = N_("You get this e-mail on working days on which something waits for you. Choose its language, or none:")


def message(to: Recipient, counts: Counts, at: datetime, base_url: str, sender: str) -> EmailMessage:
    """The e-mail of what was counted `at` a moment. The same person's of the same day has the same id."""
    say = texts(to.language).gettext
    day = format_date(wib_date(at), "d MMMM y", locale=to.language)
    made = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    made["From"] = formataddr((NAME, sender))
    made["To"] = to.address
    made["Subject"] = say(SUBJECT) % {"day": day}
    made["Date"] = rfc_date(at)
    made["Message-ID"] = f"<{derived_id('digest', str(wib_date(at)), to.account_id)}@{urlsplit(base_url).hostname}>"
    made["Auto-Submitted"] = "auto-generated"
    pages = f"{base_url}/{to.language}"
    paragraphs = [say(COUNTED) % {"day": day, "time": f"{at.astimezone(WIB):%H.%M}"}]
    lines = OF_REFERRALS if to.role == "partner_agency" else OF_CASES
    for path, group in _by_page(lines, counts).items():
        told = [f"{say(line.label)}: {getattr(counts, line.count)}" for line in group]
        paragraphs.append("\n".join([*told, say(OPEN), f"{pages}{path}"]))
    paragraphs.append(f"{say(WHY)}\n{pages}{CHOICE}")
    made.set_content("\n\n".join(paragraphs) + "\n")
    made["Content-Language"] = to.language
    return made


def _by_page(lines: tuple[Line, ...], counts: Counts) -> dict[str, list[Line]]:
    """The lines that have a number, those of one page together."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if getattr(counts, line.count):
            found.setdefault(line.path, []).append(line)
    return found


@cache
def texts(language: str) -> NullTranslations:
    """The texts of a language, of which no request says which it is."""
    if language == "en":
        return NullTranslations()
    merged = Translations()
    for directory in (SHARED_TRANSLATIONS, TRANSLATIONS):
        merged.merge(load(directory, language))
    return merged
