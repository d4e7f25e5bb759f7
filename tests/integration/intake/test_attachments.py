"""A report's photographs and papers through API and page, against the real mongod: kept once, whole, sealed, or not."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from pymongo.database import Database

from services.intake import attachments, model, store
from shared import failpoints
from shared.access import Actor, Audit
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.mongo import Unavailable
from shared.vault import Damaged, Files, NotHeld
from shared.vault.files import Stored
from shared.web import requests
from tests.support.attachments import REPORTS, added, registered, send
from tests.support.files import a_large_photograph, a_paper, a_photograph
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]
SUPERVISOR = Actor("account-" + "5" * 32, "supervisor")


@pytest.fixture
def vault(mongo: Mongo, prefix: str) -> Database[dict[str, Any]]:
    """The vault's database, with all rights."""
    return mongo.client()[f"{prefix}vault"]


@pytest.fixture
def audit(mongo: Mongo, prefix: str) -> Any:
    return mongo.client()[f"{prefix}audit"]["entries"]


def later(foundation: Foundation, by: timedelta) -> Foundation:
    now = foundation.clock()
    return replace(foundation, clock=lambda: now + by)


def linked(foundation: Foundation, stored: Stored) -> None:
    """Makes a stored content an attachment's."""

    def work(unit: Unit) -> dict[str, Any]:
        Files(foundation.sealed).link(unit, stored, {"file_name": "a.jpg"})
        return {}

    foundation.journal.run(work, actor=SUPERVISOR)


def contents(vault: Database[dict[str, Any]]) -> int:
    """How many files have a content, or a part of one."""
    return len({part["_id"].partition(":")[0] for part in vault["file_parts"].find({}, {"_id": 1})})


def test_a_photograph_is_kept_sealed_listed_without_its_name_and_given_back(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]], audit: Any
) -> None:
    clerk = as_role()
    number = registered(clerk)
    answer = send(clerk, number, description="Anak di bagian pewarnaan")
    assert answer.status_code == 201, answer.text
    shown = answer.json
    assert (shown["kind"], shown["media_type"]) == ("photograph", "image/jpeg")
    assert shown["added_by"] == clerk.actor.id
    listed = clerk.api("GET", f"{REPORTS}/{number}/attachments")
    assert listed.json == {"items": [shown]}
    assert audit.count_documents({}) == 0, "a list without names is no reading of an identity"

    [name] = clerk.api("GET", f"{REPORTS}/{number}/attachments/names").json["items"]
    assert (name["file_name"], name["description"]) == ("Budi di pabrik.jpg", "Anak di bagian pewarnaan")
    [entry] = audit.find()
    assert (entry["subject"], entry["fields"]) == (shown["attachment_id"], ["file_name", "description"])
    [report] = foundation.database["reports"].find()
    tells_of = [report["_id"], *(child["person_id"] for child in report["children"])]
    assert entry["concerns"] == tells_of and len(tells_of) > 1, "the opening is in the lists of report and children"

    file = clerk.api("GET", answer.headers["Location"])
    assert (file.status_code, file.mimetype, len(file.data)) == (200, "image/jpeg", shown["size_bytes"])
    assert Image.open(io.BytesIO(file.data)).size == (40, 60)
    content = {"subject": shown["attachment_id"], "fields": "content", "concerns": tells_of}
    assert audit.count_documents(content) == 1

    [event] = foundation.database["journal"].find({"type": "report.attachment_added"})
    assert set(event["data"]) == {"report_id", "attachment_id", "kind", "format", "size_bytes"}
    assert clerk.api("GET", f"{REPORTS}/{number}").headers["ETag"] == '"2"'
    kept = b"".join(part["data"] for part in vault["file_parts"].find())
    assert file.data[:40] not in kept and file.data[-40:] not in kept
    whole = str(list(foundation.database["attachments"].find()))
    assert "Budi" not in whole and "pewarnaan" not in whole


def test_the_same_upload_sent_twice_or_at_once_is_one_file(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    """Removed: the command of the journal's unit (`command=None`): 4 files."""
    clerk = as_role()
    number = registered(clerk)
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: send(clerk, number), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(clerk.api("GET", f"{REPORTS}/{number}/attachments").json["items"]) == 1
    assert contents(vault) == 1, "the contents of repeated uploads are removed"
    other = send(clerk, number, a_photograph("PNG"))
    assert (other.status_code, other.json["type"]) == (422, "urn:rujukan:problem:key-reused")
    assert contents(vault) == 1
    assert foundation.database["attachments"].count_documents({"state": {"$ne": "kept"}}) == 0


def test_different_files_sent_at_once_are_all_kept(as_role: As) -> None:
    clerk = as_role()
    number = registered(clerk)
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda each: send(clerk, number, key=f"file-{each}"), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len(clerk.api("GET", f"{REPORTS}/{number}/attachments").json["items"]) == 4


def test_a_full_report_takes_no_more(
    as_role: As, vault: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed: the count in the unit of work (`held = 0`): the third of two was taken."""
    monkeypatch.setattr(model.attachments, "MAXIMUM_FILES", 2)
    clerk = as_role()
    number = registered(clerk)
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda each: send(clerk, number, key=f"file-{each}"), range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 422]
    [refused] = [answer for answer in answers if answer.status_code == 422]
    assert refused.json["errors"][0]["field"] == "file"
    assert contents(vault) == 2


def test_what_is_missing_is_named(as_role: As) -> None:
    clerk = as_role()
    number = registered(clerk)
    address = f"{REPORTS}/{number}/attachments"
    assert [error["field"] for error in send(clerk, number, key=None).json["errors"]] == ["Idempotency-Key"]
    key = {"Idempotency-Key": "file-1"}
    without = clerk.api("POST", address, data={"description": "a"}, content_type="multipart/form-data", headers=key)
    assert (without.status_code, without.json["errors"][0]["field"]) == (422, "file")
    as_json = clerk.api("POST", address, {"file": "a"}, headers=key)
    assert (as_json.status_code, as_json.json["type"]) == (415, "urn:rujukan:problem:file-expected")
    unknown = send(clerk, number, role="supervisor")
    assert (unknown.status_code, unknown.json["errors"][0]["field"]) == (422, "role")
    assert send(clerk, "L-00000-00000-0").status_code == 404


def test_only_the_address_of_files_takes_large_bodies(as_role: As) -> None:
    """Removed: `takes_file` from the view: 413 for the photograph. Removed: the question in `limit` (every request got
    the room of a file): the report's 2 MB were read."""
    clerk = as_role()
    number = registered(clerk)
    photograph = a_large_photograph()
    assert len(photograph) > 2 * requests.MAX_BODY
    assert send(clerk, number, photograph).status_code == 201
    elsewhere = clerk.api("POST", REPORTS, {"narrative": "a" * 2_000_000}, headers={"Idempotency-Key": "key-2"})
    assert elsewhere.status_code == 413
    too_large = send(clerk, number, bytes(11 * 1024 * 1024), key="file-2")
    assert (too_large.status_code, too_large.json["type"]) == (413, "urn:rujukan:problem:file-too-large")
    just_over = send(clerk, number, b"\xff\xd8\xff\xe0" + bytes(10 * 1024 * 1024), key="file-3")
    assert (just_over.status_code, just_over.json["type"]) == (422, "urn:rujukan:problem:file-too-large")


def test_what_is_sent_is_never_written_to_a_temporary_file(as_role: As, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed: our class of requests: werkzeug made a temporary file, in which the plain photograph was."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a temporary file for an upload")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    clerk = as_role()
    added(clerk, registered(clerk), a_large_photograph())


def test_an_interrupted_upload_is_not_there_and_its_content_goes_with_the_sweep(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    """Removed: `clear_after` of the announcement: the sweep found nothing, the content stayed."""
    clerk = as_role()
    number = registered(clerk)
    failpoints.configure(["attachment.stored=raise"])
    try:
        with pytest.raises(failpoints.Crash):
            send(clerk, number)
    finally:
        failpoints.configure([])
    assert clerk.api("GET", f"{REPORTS}/{number}/attachments").json == {"items": []}
    assert contents(vault) == 1 and vault["subjects"].count_documents({"_id": {"$regex": "attachment"}}) == 0
    assert attachments.sweep(foundation) == 0, "an upload may still be under way"
    assert attachments.sweep(later(foundation, timedelta(hours=2))) == 1
    assert contents(vault) == 0
    assert attachments.sweep(later(foundation, timedelta(hours=2))) == 0
    added(clerk, number)  # the same key: the first attempt has left no answer


def test_an_upload_that_the_sweep_overtook_fails_and_keeps_nothing(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed: `must_match` in `store.keep`: 201 for a file whose content was gone."""
    clerk = as_role()
    number = registered(clerk)
    monkeypatch.setitem(failpoints.ACTIONS, "sweep", lambda _: attachments.sweep(later(foundation, timedelta(hours=2))))
    failpoints.configure(["attachment.stored=sweep"])
    try:
        assert send(clerk, number).status_code == 409
    finally:
        failpoints.configure([])
    assert contents(vault) == 0
    assert clerk.api("GET", f"{REPORTS}/{number}/attachments").json == {"items": []}


def test_the_sweep_never_takes_a_kept_file(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that is committed between the sweep's question and its deed. Removed: `give_up`'s own question (it
    said True): 500, the file's content was gone."""
    clerk = as_role()
    address = added(clerk, registered(clerk))
    monkeypatch.setattr(store, "to_clear", lambda *_: [address.rpartition("/")[2]])
    attachments.sweep(foundation)
    assert clerk.api("GET", address).status_code == 200


@pytest.fixture
def kept(as_role: As) -> tuple[Browser, str]:
    """Somebody who reads, and the address of a file of several parts."""
    clerk = as_role()
    return clerk, added(clerk, registered(clerk), a_large_photograph())


def change_a_byte(parts: Any) -> None:
    part = parts.find_one({"_id": {"$regex": ":0002$"}})
    data = bytearray(part["data"])
    data[1000] ^= 1
    parts.update_one({"_id": part["_id"]}, {"$set": {"data": bytes(data)}})


def swap_two(parts: Any) -> None:
    first, second = parts.find_one({"_id": {"$regex": ":0001$"}}), parts.find_one({"_id": {"$regex": ":0002$"}})
    parts.update_one({"_id": first["_id"]}, {"$set": {"data": second["data"]}})
    parts.update_one({"_id": second["_id"]}, {"$set": {"data": first["data"]}})


def drop_the_last(parts: Any) -> None:
    [last] = parts.find(sort=[("_id", -1)], limit=1)
    parts.delete_one({"_id": last["_id"]})


def cut_at_a_segment(parts: Any) -> None:
    """Where Tink's own segment ends: the first two parts are whole and authentic."""
    parts.delete_many({"_id": {"$not": {"$regex": ":000[01]$"}}})


def add_a_tail(parts: Any) -> None:
    [last] = parts.find(sort=[("_id", -1)], limit=1)
    parts.update_one({"_id": last["_id"]}, {"$set": {"data": last["data"] + b"tail"}})


def drop_all(parts: Any) -> None:
    parts.delete_many({})


@pytest.mark.parametrize("harm", [change_a_byte, swap_two, drop_the_last, cut_at_a_segment, add_a_tail, drop_all])
def test_a_file_that_was_tampered_with_is_refused_before_its_first_byte(
    kept: tuple[Browser, str], vault: Database[dict[str, Any]], audit: Any, harm: Callable[[Any], None]
) -> None:
    """Removed: the first reading of `Files.open` (a size was made up): 200, and no file or half of one."""
    clerk, address = kept
    harm(vault["file_parts"])
    answer = clerk.api("GET", address, headers={"Accept-Language": "id"})
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.json["type"] == "urn:rujukan:problem:file-damaged"
    assert "cadangan" in answer.json["detail"]
    assert audit.count_documents({"fields": "content"}) == 1


def test_the_content_of_another_file_is_no_content_of_this_one(
    kept: tuple[Browser, str], vault: Database[dict[str, Any]]
) -> None:
    clerk, address = kept
    other = added(clerk, address.split("/")[4], a_large_photograph(), key="file-2").rpartition("/")[2]
    identifier = address.rpartition("/")[2]
    parts = vault["file_parts"]
    parts.delete_many({"_id": {"$regex": identifier}})
    for part in list(parts.find()):
        parts.insert_one({**part, "_id": part["_id"].replace(other, identifier)})
    assert clerk.api("GET", address).status_code == 500


def test_a_content_with_its_key_does_not_open_as_another_attachment(
    foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    """Removed: the attachment's id from what is authenticated (`_bound` gave b""): it opened."""
    files = Files(foundation.sealed)
    stored = files.store(new_id("attachment"), [b"a content"])
    other = replace(stored, attachment=new_id("attachment"))
    for part in list(vault["file_parts"].find()):
        vault["file_parts"].insert_one({**part, "_id": part["_id"].replace(stored.attachment, other.attachment)})
    for each in (stored, other):
        linked(foundation, each)
    assert b"".join(files.open(SUPERVISOR, stored.attachment, "attachment_api", "area").pieces) == b"a content"
    with pytest.raises(Damaged):
        files.open(SUPERVISOR, other.attachment, "attachment_api", "area")


def test_harm_between_the_two_readings_ends_the_answer_short_of_its_length(
    kept: tuple[Browser, str], foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    _, address = kept
    file = Files(foundation.sealed).open(SUPERVISOR, address.rpartition("/")[2], "attachment_api", "area")
    pieces = iter(file.pieces)
    sent = len(next(pieces))
    drop_the_last(vault["file_parts"])
    with pytest.raises(Damaged):
        for piece in pieces:
            sent += len(piece)
    assert sent < file.size_bytes


def test_neither_keeping_nor_opening_holds_a_file_whole(foundation: Foundation) -> None:
    """Of 10 MB at most 3 are in hand. Removed: the pieces (`b"".join(content)` first): 22 MB."""
    identifier = new_id("attachment")

    def ten_megabytes() -> Iterator[bytes]:
        for number in range(40):
            yield bytes([number]) * (256 * 1024)

    files = Files(foundation.sealed)
    tracemalloc.start()
    try:
        stored = files.store(identifier, ten_megabytes())
        _, storing = tracemalloc.get_traced_memory()
        linked(foundation, stored)
        tracemalloc.reset_peak()
        file = files.open(SUPERVISOR, identifier, "attachment_api", "area")
        size = sum(len(piece) for piece in file.pieces)
        _, opening = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == file.size_bytes == stored.size_bytes == 40 * 256 * 1024
    assert storing < 3 * 1024 * 1024 and opening < 3 * 1024 * 1024, (storing, opening)


def test_a_supervisor_deletes_a_file_for_good(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    clerk = as_role()
    address = added(clerk, registered(clerk))
    assert clerk.api("DELETE", address).status_code == 403
    supervisor = as_role("supervisor")
    assert supervisor.api("DELETE", address).status_code == 204
    assert supervisor.api("DELETE", address).status_code == 404
    assert clerk.api("GET", address).status_code == 404
    identifier = address.rpartition("/")[2]
    assert vault["subjects"].count_documents({"_id": {"$in": [identifier, f"key:{identifier}"]}}) == 0
    assert contents(vault) == 0
    [event] = foundation.database["journal"].find({"type": "report.attachment_removed"})
    assert event["data"]["reason"] == "requested"


def test_what_a_deletion_that_was_cut_off_leaves_is_unreadable_and_goes_with_the_sweep(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    """Removed: `clear_after` in `store.retire`: the content stayed for ever."""
    clerk = as_role()
    address = added(clerk, registered(clerk))
    failpoints.configure(["attachment.removed=raise"])
    try:
        with pytest.raises(failpoints.Crash):
            as_role("supervisor").api("DELETE", address)
    finally:
        failpoints.configure([])
    assert clerk.api("GET", address).status_code == 404
    with pytest.raises(NotHeld):
        Files(foundation.sealed).open(SUPERVISOR, address.rpartition("/")[2], "attachment_api", "area")
    assert attachments.sweep(later(foundation, timedelta(minutes=1))) == 1
    assert contents(vault) == 0


def test_an_erasure_takes_all_files_of_a_report_in_its_own_unit_of_work(
    as_role: As, foundation: Foundation, vault: Database[dict[str, Any]]
) -> None:
    clerk = as_role()
    number = registered(clerk)
    addresses = [added(clerk, number), added(clerk, number, a_paper(), key="file-2")]
    report_id = store.get(foundation.database, number)["_id"]
    foundation.journal.run(
        lambda unit: {"removed": attachments.remove_in(unit, foundation, report_id, None, "erased")}, actor=SUPERVISOR
    )
    assert [clerk.api("GET", address).status_code for address in addresses] == [404, 404]
    assert vault["subjects"].count_documents({"_id": {"$regex": "attachment"}}) == 0
    assert attachments.sweep(later(foundation, timedelta(minutes=1))) == 2
    assert contents(vault) == 0


def test_with_the_audit_log_away_no_file_is_opened(as_role: As, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed: the opening by the vault (the entry was written after the content was read): 200."""
    clerk = as_role()
    address = added(clerk, registered(clerk))

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(Audit, "record", away)
    for path in (address, f"{address.rpartition('/')[0]}/names"):
        answer = clerk.api("GET", path)
        assert answer.status_code == 503 and b"JFIF" not in answer.data and b"Budi" not in answer.data


def test_with_the_database_away_an_upload_is_503_and_later_goes_well(as_role: As, mongo: Mongo) -> None:
    clerk = as_role()
    number = registered(clerk)
    mongo.kill()
    try:
        assert send(clerk, number).status_code == 503
    finally:
        mongo.start()
    assert send(clerk, number).status_code == 201


def test_by_page_a_file_is_added_once_and_deleted_after_a_question(as_role: As, foundation: Foundation) -> None:
    supervisor = as_role("supervisor")
    number = registered(supervisor)
    page = f"/id/reports/{number}"

    def form(**changes: Any) -> dict[str, Any]:
        file = (io.BytesIO(a_photograph()), "Budi.jpg")
        return {"key": "9f0b5a52-7a43-4c5e-8a3e-0d5f4a0f2a11", "file": file, "description": "Foto", **changes}

    for _click in range(2):
        answer = supervisor.post(f"{page}/attachments", form(), page=page)
        assert answer.status_code == 303, answer.text
    [attachment] = foundation.database["attachments"].find({"state": "kept"})
    shown = supervisor.get(page)
    assert "Foto" in shown.text and "Budi.jpg" not in shown.text
    opened = supervisor.post(f"{page}/identities", {}, page=page)
    assert "Budi.jpg" in opened.text and f"/attachments/{attachment['_id']}" in opened.text
    assert supervisor.get(f"{page}/attachments/{attachment['_id']}").mimetype == "image/jpeg"
    delete = f"{page}/attachments/{attachment['_id']}/delete"
    assert supervisor.get(delete).status_code == 200
    assert foundation.database["attachments"].count_documents({"state": "kept"}) == 1
    assert supervisor.post(delete, {}).status_code == 303
    assert foundation.database["attachments"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ((io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "a.jpg"), "Jenis berkas ini tidak diterima"),
        ((io.BytesIO(b""), ""), "Pilih berkas."),
    ],
)
def test_by_page_a_file_that_is_not_taken_comes_back_with_the_reason(
    as_role: As, file: tuple[io.BytesIO, str], words: str
) -> None:
    clerk = as_role()
    page = f"/id/reports/{registered(clerk)}"
    answer = clerk.post(f"{page}/attachments", {"key": "key-1", "file": file, "description": "Foto pabrik"}, page=page)
    assert answer.status_code == 422
    assert words in answer.text and 'href="#file"' in answer.text and "Foto pabrik" in answer.text
