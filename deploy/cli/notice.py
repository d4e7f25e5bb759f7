"""What the data protection officer gets of a breach: who is concerned, by ids and numbers, and the notice to fill in.

No identity is in any of it, and nothing here is sent to anybody.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

from babel import dates

from shared.domain.working_time import WIB
from shared.vault.keys import write_secret_file

FORMS = Path(__file__).with_name("notices")
WITHIN = timedelta(hours=3 * 24)
"""From the moment in which it was known (UU 27/2022 Ps.46; unconfirmed: the law does not say from when)."""
COLUMNS = ("subject", "report_number", "case_numbers", "erased", "openings", "first", "last", "fields", "accounts")
NOTICES = {"id": "pemberitahuan.md", "en": "notice.md"}


def write(folder: Path, found: Mapping[str, Any], discovered: datetime) -> list[Path]:
    """Writes the files, readable by their owner alone, into a new folder, and returns them.

    `found` is what `rujukan audit exposed` found, with `subjects`. Raises OSError, also where the folder is there.
    """
    folder.mkdir(mode=0o700)
    whole = {"discovered": discovered, "notice_due": discovered + WITHIN, **found}
    texts = {
        "exposed.json": json.dumps(whole, indent=2, ensure_ascii=False, default=_text),
        "exposed.csv": _table(found["subjects"]),
        **{name: notice(language, found, discovered) for language, name in NOTICES.items()},
    }
    for name, text in texts.items():
        write_secret_file(folder / name, text)
    return [folder / name for name in texts]


def notice(language: str, found: Mapping[str, Any], discovered: datetime) -> str:
    """The notice in `id` or `en`, with the facts; what only a person knows stays in square brackets."""
    form = Template((FORMS / f"{language}.md").read_text(encoding="utf-8"))
    accounts = found["accounts"]
    return form.substitute(
        deadline=_moment(discovered + WITHIN, language),
        discovered=_moment(discovered, language),
        first=_moment(found["first"], language),
        last=_moment(found["last"], language),
        fields="\n".join(f"- {row[language]}: {row['subjects']}" for row in found["fields"]) or "- -",
        accounts=len({row["account"] for row in accounts}),
        agencies=len({row["agency"] for row in accounts if row["agency"]}),
        **{name: found[name] for name in ("persons", "reports", "openings")},
    )


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: " ".join(row[name]) if isinstance(row[name], list) else row[name] for name in COLUMNS})
    return text.getvalue()


def _moment(moment: datetime | None, language: str) -> str:
    if moment is None:
        return "-"
    text = dates.format_datetime(moment.astimezone(WIB), "d MMMM y HH.mm", tzinfo=WIB, locale=language)
    return f"{text} WIB"


def _text(value: Any) -> str:
    return value.astimezone(WIB).isoformat() if isinstance(value, datetime) else str(value)
