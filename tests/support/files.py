"""Files for tests: photographs that tell where they were taken, papers that act, things that are no file of ours."""

from __future__ import annotations

import io
import zlib
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import Image

#: Stands in every place of a photograph where a camera or a program writes something.
MARK = b"TANDA-RAHASIA"
LATITUDE = b"\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00\x35\x00\x00\x00\x01"
"""6 degrees 53 minutes, as EXIF writes it (big endian)."""


def eicar() -> bytes:
    """The harmless text that every scanner must find; put together here, so that none finds this file."""
    return b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"


def a_photograph(form: str = "JPEG", size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    """A picture, red above and blue below as the camera held it, with location, device, comment, XMP and a tail.

    The camera lay on its side: the picture must be turned to the right by a quarter.
    """
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (0, size[1] // 2, *size))
    exif = Image.Exif()
    exif.endian = ">"
    exif[0x0112] = 6
    exif[0x010F] = exif[0x010E] = MARK.decode()
    exif.get_ifd(0x8825).update({1: "S", 2: (6.0, 53.0, 10.5), 3: "E", 4: (109.0, 40.0, 0.5)})
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + MARK + b"</x:xmpmeta>"
    known: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": MARK, "xmp": xmp, "quality": 95},
        "PNG": {"pnginfo": _chunks(xmp)},
        "WEBP": {"xmp": xmp, "lossless": True},
    }
    out = io.BytesIO()
    picture.save(out, form, exif=exif, **{**known[form], **options})
    return out.getvalue() + b"PK\x03\x04" + MARK


def _chunks(xmp: bytes) -> Any:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", MARK.decode())
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return info


def a_large_photograph(width: int = 2400, height: int = 1800) -> bytes:
    """A photograph of some megabytes: noise does not get smaller."""
    out = io.BytesIO()
    Image.effect_noise((width, height), 80).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


def a_paper(*, acting: bool = False, pages: int = 1, **saving: Any) -> bytes:
    """A PDF with a picture that tells its place; `acting`: with everything that a viewer could be made to do."""
    pdf = Pdf.new()
    for _ in range(pages):
        pdf.add_blank_page(page_size=(200, 200))
    page = pdf.pages[0].obj
    picture = pdf.make_stream(a_photograph())
    picture.update({"/Type": Name.XObject, "/Subtype": Name.Image, "/Width": 60, "/Height": 40})
    picture.update({"/ColorSpace": Name.DeviceRGB, "/BitsPerComponent": 8, "/Filter": Name.DCTDecode})
    page.Resources = Dictionary(XObject=Dictionary(Im=picture))
    page.Contents = pdf.make_stream(b"q 60 0 0 40 0 0 cm /Im Do Q")
    if acting:
        picture.Metadata = pdf.make_stream(MARK)
        picture.PieceInfo = Dictionary(Maker=Dictionary(LastModified=String("D:2026"), Private=String(MARK.decode())))
        script = Dictionary(S=Name.JavaScript, JS=String("app.alert('" + MARK.decode() + "')"))
        pdf.Root.OpenAction = script
        pdf.Root.AA = Dictionary(WC=script)
        pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("a"), script])))
        pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(MARK))
        page.AA = Dictionary(O=Dictionary(S=Name.Launch, F=String("calc.exe")))
        link = Dictionary(S=Name.URI, URI=String("https://jahat.test/" + MARK.decode()))
        note = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=link)
        page.Annots = Array([pdf.make_indirect(note)])
        pdf.attachments["a.exe"] = b"MZ" + MARK
    with pdf.open_metadata() as metadata:
        metadata["dc:title"] = MARK.decode()
    out = io.BytesIO()
    pdf.save(out, **saving)
    return out.getvalue() + MARK


def a_form(answer: str) -> bytes:
    """A PDF whose page shows nothing but what was typed into its form."""
    pdf = Pdf.new()
    page = pdf.add_blank_page(page_size=(200, 200))
    look = pdf.make_stream(f"BT /F 12 Tf 2 2 Td ({answer}) Tj ET".encode())
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    look.update({"/Type": Name.XObject, "/Subtype": Name.Form, "/BBox": Array([0, 0, 100, 20])})
    look.Resources = Dictionary(Font=Dictionary(F=font))
    field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("nama"), V=String(answer), F=4)
    field.update({"/Rect": Array([10, 10, 110, 30]), "/AP": Dictionary(N=look), "/DA": String("/F 12 Tf 0 g")})
    typed = pdf.make_indirect(field)
    page.obj.Annots = Array([typed])
    pdf.Root.AcroForm = Dictionary(Fields=Array([typed]), DR=Dictionary(Font=Dictionary(F=font)))
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def a_picture_of_another_format(form: str) -> bytes:
    """A whole picture that a browser or a program would show, and that we do not take."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, form)
    return out.getvalue()


def a_locked_paper(password: str) -> bytes:
    """A PDF that asks for a password; with an empty one, that only forbids copying."""
    return a_paper(encryption=pikepdf.Encryption(owner="pemilik", user=password))


def a_picture_bomb() -> bytes:
    """A PNG of 110 kB that unfolds to 900 million pixels."""
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    return out.getvalue()


def a_paper_bomb() -> bytes:
    """A PDF of 300 kB, one part of which unfolds to 300 MB."""
    pdf = Pdf.new()
    page = pdf.add_blank_page()
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(300)) + packer.flush()
    content = pdf.make_stream(b"")
    content.write(packed, filter=Name.FlateDecode)
    page.obj.Contents = content
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()
