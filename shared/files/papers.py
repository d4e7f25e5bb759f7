"""PDF: the pages as they look, and nothing that acts, hides or tells where it was made.

What a viewer would run or fetch is cut out (scripts, actions, forms' logic, embedded files, links), what was typed into
a form becomes part of the page, and the result is looked through once more: what still acts is refused. Pictures inside
lose their own metadata. Runs in the cleaner's process only: qpdf reads hostile input.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

from shared.files.formats import MAXIMUM_PAGES, MAXIMUM_PIXELS, MAXIMUM_UNFOLDED, Refused

DEEPEST = 60
#: Cut out wherever they stand: actions, scripts, files, links to elsewhere, and what tells of the maker.
_CUT = (
    *("/OpenAction", "/AA", "/JS", "/JavaScript", "/URI", "/XFA", "/AF", "/EF", "/EmbeddedFiles", "/RichMediaContent"),
    *("/Ref", "/OPI", "/PieceInfo", "/Metadata"),
)
_ROOT_KEEPS = ("/Type", "/Pages", "/PageLabels", "/OCProperties", "/Lang", "/ViewerPreferences")
_PAGE_KEEPS = (
    *("/Type", "/Parent", "/Resources", "/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/Contents"),
    *("/Rotate", "/Group", "/UserUnit"),
)
#: What must not be in the result, whatever it is called from.
_ACTIVE = ("/OpenAction", "/AA", "/JS", "/JavaScript", "/URI", "/XFA", "/EF", "/EmbeddedFiles", "/Annots")
_ACTIONS = (
    *("/JavaScript", "/Launch", "/URI", "/GoToR", "/GoToE", "/SubmitForm", "/ImportData", "/Rendition", "/Movie"),
    *("/Sound", "/RichMediaExecute", "/GoTo3DView"),
)
#: JPEG 2000 may hold metadata of its own that we cannot take out without drawing it anew.
_FILTERS = (
    *("/FlateDecode", "/DCTDecode", "/CCITTFaxDecode", "/JBIG2Decode", "/LZWDecode"),
    *("/ASCII85Decode", "/ASCIIHexDecode", "/RunLengthDecode"),
)


def rewritten(data: bytes) -> bytes:
    """The paper without what acts. Raises Refused."""
    try:
        with Pdf.open(io.BytesIO(data)) as pdf:
            if pdf.is_encrypted:
                raise Refused("encrypted")
            if len(pdf.pages) > MAXIMUM_PAGES:
                raise Refused("too_many_pages")
            if not len(pdf.pages):
                raise Refused("broken")
            _neutralise(pdf)
            out = io.BytesIO()
            pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except pikepdf.PdfError:
        raise Refused("broken") from None
    _look_through(out.getvalue())
    return out.getvalue()


def _neutralise(pdf: Pdf) -> None:
    if "/AcroForm" in pdf.Root:
        pdf.generate_appearance_streams()
    pdf.flatten_annotations("screen")
    for page in pdf.pages:
        _keep(page.obj, _PAGE_KEEPS)
    _keep(pdf.Root, _ROOT_KEEPS)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    unfolded = 0
    for found in list(pdf.objects):
        for inner in _within(found):
            _cut(inner)
        if isinstance(found, Stream):
            unfolded += _checked(found)
            if unfolded > MAXIMUM_UNFOLDED:
                raise Refused("too_complex")


def _keep(dictionary: Any, names: tuple[str, ...]) -> None:
    for name in [name for name in dictionary.keys() if name not in names]:  # noqa: SIM118 (pikepdf's has no iterator of names)
        del dictionary[name]


def _cut(dictionary: Any) -> None:
    for name in _CUT:
        if name in dictionary:
            del dictionary[name]
    if isinstance(dictionary, Stream):
        for name in ("/F", "/FFilter", "/FDecodeParms"):  # the content would lie in another file
            if name in dictionary:
                del dictionary[name]


def _within(found: Any, depth: int = 0) -> Iterator[Any]:
    """The dictionaries in an object, itself among them; what it only points to comes by itself."""
    if depth > DEEPEST:
        raise Refused("too_complex")
    if isinstance(found, Dictionary | Stream):
        yield found
        # The same object twice: cutting while looking would skip what stands behind what was cut.
        inner = [value for _, value in list(found.items())]
    elif isinstance(found, Array):
        inner = list(found)
    else:
        return
    for value in inner:
        if isinstance(value, Dictionary | Array) and not value.is_indirect:
            yield from _within(value, depth + 1)


def _checked(stream: Stream) -> int:
    """How many bytes the stream unfolds to; cleans a picture in it. Raises Refused."""
    names = _filters(stream)
    if any(name not in _FILTERS for name in names) or len(names) > 2 or names.count("/FlateDecode") > 1:
        raise Refused("too_complex" if all(name in _FILTERS for name in names) else "active")
    if stream.get("/Subtype") == Name.Image:
        width, height = int(stream.get("/Width", 0)), int(stream.get("/Height", 0))
        if width * height > MAXIMUM_PIXELS:
            raise Refused("too_many_pixels")
    if names and names[-1] == "/DCTDecode":
        if len(names) > 1:
            stream.write(_without_metadata(_unfold(stream)), filter=Name.DCTDecode, decode_parms=None)
        else:
            parameters: Any = stream.get("/DecodeParms")
            stream.write(_without_metadata(stream.read_raw_bytes()), filter=Name.DCTDecode, decode_parms=parameters)
        return len(stream.read_raw_bytes())
    if names == ["/FlateDecode"]:
        return _size_of(stream.read_raw_bytes())
    if "/LZWDecode" in names or "/RunLengthDecode" in names or "/FlateDecode" in names:
        return len(_unfold(stream))
    return len(stream.read_raw_bytes())


def _filters(stream: Stream) -> list[str]:
    found = stream.get("/Filter")
    if found is None:
        return []
    return [str(found)] if isinstance(found, Name) else [str(name) for name in found]


def _size_of(packed: bytes) -> int:
    unpack, size, rest = zlib.decompressobj(), 0, packed
    while rest and size <= MAXIMUM_UNFOLDED:
        try:
            size += len(unpack.decompress(rest, 1024 * 1024))
        except zlib.error:
            raise Refused("broken") from None
        rest = unpack.unconsumed_tail
    return size


def _unfold(stream: Stream) -> bytes:
    # qpdf unfolds into memory: the limit of the process ends what is too much.
    return stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)


def _without_metadata(jpeg: bytes) -> bytes:
    """A JPEG without its APP and COM segments (location, comments, thumbnails) and what follows its end.

    Kept is APP14, by which its colours are read, at its own length. Raises Refused.
    """
    kept, at = bytearray(jpeg[:2]), 2
    if kept != b"\xff\xd8":
        raise Refused("broken")
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a byte that fills up
            at += 1
            continue
        if length < 2:
            raise Refused("broken")
        segment = jpeg[at : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:
            end = _end_of_scan(jpeg, at)
            kept += segment + jpeg[at:end]
            at = end
            if jpeg[at : at + 2] == b"\xff\xd9":
                return bytes(kept + b"\xff\xd9")
        elif marker == 0xEE and segment[4:9] == b"Adobe":
            kept += b"\xff\xee\x00\x0e" + segment[4:16]
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept += segment
    raise Refused("broken")


def _end_of_scan(jpeg: bytes, at: int) -> int:
    """Where the next marker stands behind a scan's data."""
    while True:
        at = jpeg.find(b"\xff", at)
        if at < 0 or at + 1 >= len(jpeg):
            raise Refused("broken")
        if jpeg[at + 1] == 0 or 0xD0 <= jpeg[at + 1] <= 0xD7:
            at += 2
        elif jpeg[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _look_through(data: bytes) -> None:
    with Pdf.open(io.BytesIO(data)) as pdf:
        for found in pdf.objects:
            for inner in _within(found):
                if any(name in inner for name in _ACTIVE) or str(inner.get("/S", "")) in _ACTIONS:
                    raise Refused("active")
