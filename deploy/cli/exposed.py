"""`rujukan audit exposed`: who and what was exposed, in the form that the notice of a breach asks for.

Thin: shared.access.exposed counts, notice.py writes for the data protection officer. It shows ids of accounts and never
who a child is.
"""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import errors, fail, say, show_json
from shared import domain
from shared.domain.identifying import OWNERS
from shared.domain.working_time import WIB

COLUMNS = ["table", "field", "account", "role", "agency", "purpose", "openings", "subjects", "first", "last"]
TABLES = {
    "fields": ("Kinds of data / Jenis data", ("field", "en", "id")),
    "accounts": ("By whom / Oleh siapa", ("account", "role", "agency")),
    "purposes": ("For what / Untuk apa", ("purpose",)),
}


def exposed(
    since: Annotated[str, typer.Option(help="From when (WIB), such as 2026-11-26 or 2026-11-26T09:30.")],
    until: Annotated[str, typer.Option(help="Until before when (WIB).")],
    actor: Annotated[str | None, typer.Option(help="Only what this account opened: account-...")] = None,
    session: Annotated[str | None, typer.Option(help="Only what was opened in this session.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only openings of this person-... or report-...")] = None,
    folder: Annotated[Path | None, typer.Option(help="A new folder for the list and the notice to fill in.")] = None,
    discovered: Annotated[str | None, typer.Option(help="With --folder: when it was known first (WIB).")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Say who and what was exposed: how many persons, which data, when, by which accounts. No identities.

    With --folder it also writes, for the data protection officer, the ids and the numbers of the reports and cases
    concerned (exposed.json, exposed.csv), and the notice of UU 27/2022 Ps.46 with the facts and the moment until which
    it is to be sent (pemberitahuan.md, notice.md).

    Example: rujukan audit exposed --since 2026-11-20 --until 2026-11-27 --actor account-0123...
        --folder breach-1 --discovered 2026-11-27T08:30
    """
    from pymongo.errors import PyMongoError

    from shared import mongo
    from shared.access.exposed import entries, exposure
    from shared.foundation import AUDIT

    begin, end = _moment("--since", since), _moment("--until", until)
    if begin >= end:
        fail("--until must lie after --since")
    if as_csv and as_json:
        fail("Choose one of --csv and --json")
    if (folder is None) != (discovered is None):
        fail("--folder and --discovered belong together: the notice is due 3 x 24 hours after the discovery")
    known = _moment("--discovered", discovered) if discovered else None
    base = foundation("directory", state)
    database = mongo.database(base.database.client, base.settings.prefix + AUDIT)
    try:
        found = exposure(entries(database, begin, end, actor=actor, session=session, subject=subject))
    except PyMongoError as error:
        fail(f"The audit log could not be read: {type(error).__name__}")
    _name_fields(found)
    subjects = found.pop("subjects")
    if folder and known:
        _number(subjects, state)
        _write(folder, {"since": begin, "until": end, **found, "subjects": subjects}, known)
    if as_json:
        show_json({"since": begin, "until": end, **found})
    elif as_csv:
        _print_csv(found)
    else:
        _print(found, begin, end)


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option}: write a day or a moment such as 2026-11-26 or 2026-11-26T09:30")
    return moment if moment.tzinfo else moment.replace(tzinfo=WIB)


def _name_fields(found: dict[str, Any]) -> None:
    """Adds to each field what it is called in both languages; one that is declared no longer keeps its code."""
    for row in found["fields"]:
        kind, _, name = row["field"].partition(".")
        declared = domain.identifying_fields(kind).get(name) if kind in OWNERS else None
        row.update({language: declared.names[language] if declared else row["field"] for language in domain.LANGUAGES})


def _number(subjects: list[dict[str, Any]], state: Path) -> None:
    """Adds to each subject the numbers of its report and cases, and whether it is erased. Nothing is opened."""
    from pymongo.errors import PyMongoError

    from deploy import processes
    from shared.mongo import Unavailable

    ids = [row["subject"] for row in subjects]
    try:
        reports, cases = (
            processes.module(service, "store").numbers_of(foundation(service, state).database, ids)
            for service in ("intake", "cases")
        )
    except (PyMongoError, Unavailable) as error:
        fail(f"The numbers of the reports and cases could not be read: {type(error).__name__}")
    for row in subjects:
        number, erased = reports.get(row["subject"], (None, None))
        row |= {"report_number": number, "case_numbers": cases.get(row["subject"], []), "erased": erased}


def _write(folder: Path, found: dict[str, Any], discovered: datetime) -> None:
    from deploy.cli import notice

    try:
        files = notice.write(folder, found, discovered)
    except OSError as error:
        fail(f"--folder {folder}: {error.strerror}; choose a new one")
    for file in files:
        errors.print(f"written: {file}", markup=False)


def _print_csv(found: dict[str, Any]) -> None:
    writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    totals = {name: found[name] for name in ("openings", "first", "last")}
    writer.writerow({"table": "all", "subjects": found["persons"] + found["reports"], **totals})
    for table in TABLES:
        for row in found[table]:
            writer.writerow({"table": table, **row})


def _print(found: dict[str, Any], begin: datetime, end: datetime) -> None:
    say(f"From / Dari {begin.isoformat()} until / sampai {end.isoformat()}")
    if not found["openings"]:
        say("No identity was opened. / Tidak ada identitas yang dibuka.")
        return
    say(f"Children and families concerned / Anak dan keluarga yang terdampak: {found['persons']}")
    say(f"Reports opened / Laporan yang dibuka: {found['reports']} (a narrative may name others / uraian dapat memuat")
    say("  nama lain)")
    say(f"First and last / Pertama dan terakhir: {_in_wib(found['first'])}, {_in_wib(found['last'])}")
    # Lines and no table: two ids beside each other are wider than a terminal, and would be broken.
    for table, (title, names) in TABLES.items():
        say(f"\n{title}")
        for row in found[table]:
            say("  " + ", ".join(row[name] or "-" for name in names))
            say(f"    openings / pembukaan: {row['openings']}, of / dari: {row['subjects']}")
            say(f"    {_in_wib(row['first'])}, {_in_wib(row['last'])}")
    say("\nAn upper bound: entries are written before data are shown.")
    say("Batas atas: catatan ditulis sebelum data ditampilkan.")


def _in_wib(moment: datetime) -> str:
    return moment.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S WIB")
