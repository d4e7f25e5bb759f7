"""Files of a report: what is hostile is refused or stripped and never shown by a browser (15), and no partner agency
reaches any (2)."""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

import io
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from services.intake.app import create_app
from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from shared.settings import SettingsError, load
from tests.integration.intake.conftest import app, as_role, foundation  # noqa: F401
from tests.support.attachments import REPORTS, added, registered, send
from tests.support.files import (
    LATITUDE,
    MARK,
    a_large_photograph,
    a_locked_paper,
    a_paper,
    a_paper_bomb,
    a_photograph,
    a_picture_bomb,
    a_picture_of_another_format,
    eicar,
)
from tests.support.scanner import NO_CLAMD, Scanner
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]

UNKNOWN = "unknown_format"
#: Of this form every byte is one of a picture, and a browser that guesses would find a page.
PAGE_IN_A_PICTURE = a_photograph("JPEG", comment=b"<html><script>alert(1)</script></html>")


@pytest.fixture
def kept(mongo: Mongo, prefix: str) -> Callable[[], int]:
    """How many things there are of any file: contents, keysets, entries."""

    def count() -> int:
        vault, intake = mongo.client()[f"{prefix}vault"], mongo.client()[f"{prefix}intake"]
        sealed = vault["subjects"].count_documents({"_id": {"$regex": "attachment"}})
        return sealed + vault["file_parts"].count_documents({}) + intake["attachments"].count_documents({})

    return count


@pytest.mark.parametrize(
    ("content", "name", "declared", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.svg", "image/svg+xml", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "foto.jpg", "image/jpeg", UNKNOWN),
        (b"<!doctype html><script>alert(1)</script>", "foto.png", "image/png", UNKNOWN),
        (
            b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/x'>]><a>&b;</a>",
            "a.pdf",
            "",
            UNKNOWN,
        ),
        (b"MZ" + bytes(200), "foto.jpg", "image/jpeg", UNKNOWN),
        (b"PK\x03\x04" + bytes(200), "surat.pdf", "application/pdf", UNKNOWN),
        (a_picture_of_another_format("GIF"), "foto.jpg", "image/jpeg", UNKNOWN),
        (a_picture_of_another_format("TIFF"), "foto.png", "image/png", UNKNOWN),
        (b"%!PS-Adobe-3.0\n%%EOF", "surat.pdf", "application/pdf", UNKNOWN),
        (b"<html>" + a_photograph(), "foto.jpg", "image/jpeg", UNKNOWN),
        (b"GIF89a=1;" + a_paper(), "surat.pdf", "application/pdf", UNKNOWN),
        (eicar(), "foto.jpg", "image/jpeg", UNKNOWN),
        (b"", "foto.jpg", "image/jpeg", "empty"),
        (a_photograph()[:300], "foto.jpg", "image/jpeg", "broken"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "foto.png", "image/png", "broken"),
        (b"%PDF-1.7\n" + bytes(200), "surat.pdf", "application/pdf", "broken"),
        (a_picture_bomb(), "foto.png", "image/png", "too_many_pixels"),
        (a_paper_bomb(), "surat.pdf", "application/pdf", "too_complex"),
        (a_paper(pages=201), "surat.pdf", "application/pdf", "too_many_pages"),
        (a_locked_paper("rahasia"), "surat.pdf", "application/pdf", "encrypted"),
        (a_locked_paper(""), "surat.pdf", "application/pdf", "encrypted"),
    ],
)
def test_15_what_is_no_photograph_or_paper_of_ours_is_refused_by_its_content(
    as_role: As, kept: Callable[[], int], content: bytes, name: str, declared: str, code: str
) -> None:
    """Removed: the sniffing and the formats that Pillow may open: the GIF and the TIFF were kept. Removed: the limits
    of unfolded bytes and of pages, and `is_encrypted`: 201. Removed: the limit of pixels: only the memory of the
    process ended the bomb (too_complex)."""
    clerk = as_role()
    answer = send(clerk, registered(clerk), content, name, declared)
    assert (answer.status_code, answer.mimetype) == (415 if code == UNKNOWN else 422, "application/problem+json")
    assert answer.json["type"] == f"urn:rujukan:problem:file-{code.replace('_', '-')}"
    assert [error["field"] for error in answer.json["errors"]] == ["file"]
    if code == UNKNOWN:
        for taken in ("JPEG", "PNG", "WebP", "PDF"):
            assert taken in answer.json["detail"]
    assert kept() == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml"])
def test_15_a_photograph_is_kept_without_place_device_words_or_tail(as_role: As, form: str, declared: str) -> None:
    """Removed: the drawing anew (`redrawn` gave back its data): the place was in the answer. Removed: `info.clear()`:
    the words in a JPEG were."""
    sent = a_photograph(form)
    assert LATITUDE in sent and sent.count(MARK) > 3, "the photograph of this test must tell its place"
    clerk = as_role()
    address = added(clerk, registered(clerk), sent, "foto.html", declared)
    answer = clerk.api("GET", address)
    for secret in (LATITUDE, MARK, b"Exif", b"EXIF", b"eXIf", b"xmpmeta", b"PK\x03\x04"):
        assert secret not in answer.data, secret
    found = Image.open(io.BytesIO(answer.data))
    assert found.format == form and not found.getexif()


def test_15_a_paper_loses_what_acts_and_what_tells(as_role: As) -> None:
    """Removed: the cutting (`_CUT` empty), the trailer's `/Info`, `_without_metadata`, each alone: the mark was there.
    Removed: the keeping of known keys of root and pages: refused by the second look; without that and the cutting too:
    the program was attached."""
    sent = a_paper(acting=True)
    assert LATITUDE in sent and b"calc.exe" in sent
    clerk = as_role()
    address = added(clerk, registered(clerk), sent, "surat.pdf", "application/pdf")
    data = clerk.api("GET", address).data
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert len(pdf.pages) == 1 and not pdf.attachments
        plain = b"".join(
            each.read_raw_bytes() if "/DCTDecode" in str(each.get("/Filter")) else each.read_bytes()
            for each in pdf.objects
            if isinstance(each, pikepdf.Stream)
        )
    for secret in (MARK, LATITUDE, b"Exif", b"JavaScript", b"/JS", b"OpenAction", b"/AA", b"Launch", b"calc.exe"):
        assert secret not in data + plain, secret
    for secret in (b"URI", b"jahat.test", b"EmbeddedFile", b"XFA", b"/Annots", b"Metadata"):
        assert secret not in data + plain, secret


def a_paper_with(change: Callable[[pikepdf.Pdf, Any], None]) -> bytes:
    with pikepdf.open(io.BytesIO(a_paper())) as pdf:
        change(pdf, pdf.pages[0].obj)
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def _behind_a_name_of_its_own(pdf: pikepdf.Pdf, page: Any) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("calc.exe"))
    page.Resources.Properties = pikepdf.Dictionary(Mine=pikepdf.Dictionary(Next=action))


def _in_a_format_that_hides(pdf: pikepdf.Pdf, page: Any) -> None:
    page.Resources.XObject.Im.Filter = pikepdf.Name.JPXDecode


@pytest.mark.parametrize("change", [_behind_a_name_of_its_own, _in_a_format_that_hides])
def test_15_a_paper_that_still_acts_or_hides_is_refused(
    as_role: As, kept: Callable[[], int], change: Callable[[pikepdf.Pdf, Any], None]
) -> None:
    """Removed: the second look (`_look_through`), then the list of filters: 201."""
    clerk = as_role()
    answer = send(clerk, registered(clerk), a_paper_with(change), "surat.pdf")
    assert (answer.status_code, answer.json["type"]) == (422, "urn:rujukan:problem:file-active")
    assert kept() == 0


@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/x.jpg", "..\\..\\x.jpg", "/etc/passwd", "a\x00.jpg", 'x";\r\nSet-Cookie: a=b.jpg']
)
def test_15_a_name_leads_nowhere(as_role: As, name: str) -> None:
    """Removed: `safe_name`: folders, zero bytes and foreign endings stood in the name that a browser is told."""
    clerk = as_role()
    answer = clerk.api("GET", added(clerk, registered(clerk), name=name))
    told = answer.headers["Content-Disposition"]
    assert told.startswith("attachment; filename=") and told.split(";")[1].rstrip('"').endswith(".jpg")
    assert not set("/\\\r\n\x00") & set(told) and ".." not in told
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("way", ["api", "page"])
def test_15_a_file_is_given_to_keep_never_to_show(as_role: As, way: str) -> None:
    """Removed: the headers of `download` one by one: each was missed by name."""
    clerk = as_role()
    number = registered(clerk)
    address = added(clerk, number, PAGE_IN_A_PICTURE, "halaman.html", "text/html")
    if way == "page":
        answer = clerk.get(f"/id/reports/{number}/attachments/{address.rpartition('/')[2]}")
    else:
        answer = clerk.api("GET", address)
    assert answer.status_code == 200 and b"<script>" not in answer.data
    told = {name: answer.headers.get(name) for name in ("Content-Type", "Content-Disposition", "Cache-Control")}
    assert told == {
        "Content-Type": "image/jpeg",
        "Content-Disposition": "attachment; filename=halaman.jpg",
        "Cache-Control": "no-store",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.fixture
def scanner() -> Iterator[Scanner]:
    with Scanner() as found:
        yield found


@pytest.fixture
def scanned(mongo: Mongo, prefix: str, foundation: Foundation) -> Callable[[str], Browser]:
    """A clerk of an instance with a scanner at this address."""

    def make(address: str) -> Browser:
        environ = mongo.settings_environ("intake", prefix, RUJUKAN_DEMONSTRATION="true", RUJUKAN_CLAMAV=address)
        clerk = Actor(new_id("account"), "intake_clerk", new_id("agency"), "session", "Petugas (contoh)")
        return Browser(create_app(Foundation.start(load("intake", environ))), clerk)

    return make


def test_15_what_the_scanner_finds_is_refused_and_written_down(
    scanned: Callable[[str], Browser], scanner: Scanner, kept: Callable[[], int], mongo: Mongo, prefix: str
) -> None:
    """Removed: the asking (`_scan`): the photograph was kept, drawn anew. Removed: the entry: none was found."""
    clerk = scanned(scanner.address)
    number = registered(clerk)
    infected = a_photograph() + eicar()
    answer = send(clerk, number, infected)
    assert (answer.status_code, answer.json["type"]) == (422, "urn:rujukan:problem:file-infected")
    assert scanner.seen == [infected], "the scanner sees what came, not what we made of it"
    assert kept() == 0
    [entry] = mongo.client()[f"{prefix}audit"]["entries"].find({"action": "attachment.refused"})
    assert (entry["actor"], entry["outcome"]) == (clerk.actor.id, "infected")
    assert entry["subject"].startswith("report-")
    assert send(clerk, number, a_large_photograph(), key="file-2").status_code == 201


@pytest.mark.parametrize(
    "answer", [b"", b"stream: FOUND\n", b"INSTREAM size limit exceeded. ERROR\n", b"stream: Busy ERROR\n", b"OK\n"]
)
def test_15_a_scanner_that_does_not_say_clean_keeps_everything_out(
    scanned: Callable[[str], Browser], scanner: Scanner, kept: Callable[[], int], answer: bytes
) -> None:
    """Removed: the look at the status (`statuses != {"OK"}`): 201 for an error and for no answer. Removed: ScannerAway
    (it was passed over): 201 for an answer that is none."""
    scanner.answer = answer
    clerk = scanned(scanner.address)
    refused = send(clerk, registered(clerk))
    assert refused.status_code in ((422, 503) if b"FOUND" in answer else (503,)), refused.text
    assert kept() == 0


def test_15_a_scanner_that_is_away_keeps_everything_out(
    scanned: Callable[[str], Browser], kept: Callable[[], int]
) -> None:
    """Removed: the refusal (ScannerAway was passed over): 201."""
    with Scanner() as gone:
        address = gone.address
    clerk = scanned(address)
    answer = send(clerk, registered(clerk))
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert kept() == 0


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":3310", "localhost:99999", "clamd"])
def test_15_an_address_that_is_none_refuses_the_start(mongo: Mongo, prefix: str, address: str) -> None:
    """Removed: the look at the form of the address in `scanner` of the settings: nothing was raised."""
    with pytest.raises(SettingsError, match="RUJUKAN_CLAMAV"):
        load("intake", mongo.settings_environ("intake", prefix, RUJUKAN_CLAMAV=address))


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[str]:
    """A real clamd with one signature, at a unix socket."""
    program = shutil.which("clamd")
    if program is None:
        pytest.skip(NO_CLAMD)
    signatures = tmp_path / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text("Eicar-Test:0:*:" + eicar().hex() + "\n")
    socket = tmp_path / "clamd.sock"
    settings = tmp_path / "clamd.conf"
    settings.write_text(f"LocalSocket {socket}\nDatabaseDirectory {signatures}\nForeground yes\n")
    process = subprocess.Popen([program, "--config-file", str(settings)])
    try:
        until = time.monotonic() + 60
        while not socket.exists():
            assert process.poll() is None and time.monotonic() < until, "clamd did not start"
            time.sleep(0.1)
        yield str(socket)
    finally:
        process.terminate()
        process.wait(20)


def test_15_the_real_clamd_finds_eicar(clamd: str, scanned: Callable[[str], Browser], kept: Callable[[], int]) -> None:
    """Removed: the look at what the scanner says (`scan` returned): refused as an unknown format, not as infected."""
    clerk = scanned(clamd)
    number = registered(clerk)
    assert send(clerk, number, eicar()).json["type"] == "urn:rujukan:problem:file-infected"
    assert kept() == 0
    assert send(clerk, number, key="file-2").status_code == 201


@pytest.mark.parametrize("role", ["partner_agency", "analyst", "administrator", None])
def test_02_no_partner_agency_reaches_a_file(as_role: As, role: str | None) -> None:
    """Removed: the roles of `attachment.read` in rights.yaml (partner_agency: any): 200 with the photograph."""
    clerk = as_role()
    number = registered(clerk)
    address = added(clerk, number)
    stranger = as_role(role)
    asked = [
        ("GET", address),
        ("HEAD", address),
        ("DELETE", address),
        ("GET", f"{REPORTS}/{number}/attachments"),
        ("GET", f"{REPORTS}/{number}/attachments/names"),
    ]
    for method, path in asked:
        answer = stranger.api(method, path)
        assert answer.status_code == (401 if role is None else 403), (method, path)
        assert b"Budi" not in answer.data and b"JFIF" not in answer.data
    assert send(stranger, number, key="file-2").status_code == (401 if role is None else 403)
    page = stranger.get(f"/id/reports/{number}/attachments/{address.rpartition('/')[2]}")
    assert page.status_code == (302 if role is None else 403)
    assert clerk.api("GET", address).status_code == 200


def test_02_a_file_is_found_under_its_own_report_only(as_role: As) -> None:
    """Removed: `report_id` from the question of `store.attachment`: 200 under another report's number."""
    clerk, supervisor = as_role(), as_role("supervisor")
    address = added(clerk, registered(clerk))
    other = registered(clerk, key="report-2")
    elsewhere = f"{REPORTS}/{other}/attachments/{address.rpartition('/')[2]}"
    assert clerk.api("GET", elsewhere).status_code == 404
    assert supervisor.api("DELETE", elsewhere).status_code == 404
    assert clerk.api("GET", f"{REPORTS}/{other}/attachments").json == {"items": []}
    assert clerk.api("GET", f"{address[:-1]}g").status_code == 404
    assert clerk.api("GET", address).status_code == 200
