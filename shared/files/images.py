"""Photographs: drawn anew from their pixels, so that nothing else of the file is left.

Location, device, thumbnails, comments, colour profiles, further pictures and whatever was hung on at the end are not
copied. The picture is turned the way its camera held it. Runs in the cleaner's process only: what
Pillow reads here is hostile.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from shared.files.formats import MAXIMUM_BYTES, MAXIMUM_PIXELS, Refused

# Above it Pillow warns, above twice as much it refuses by itself; we have refused before, by the size in the header.
Image.MAX_IMAGE_PIXELS = MAXIMUM_PIXELS

QUALITIES = (90, 80, 65)
"""The first that fits into the largest size: what came in with less quality may grow by being drawn anew."""

_SAVING: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "subsampling": "4:2:0", "optimize": True},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP"},
}
_MODES = {"jpeg": ("L", "RGB"), "png": ("1", "L", "LA", "RGB", "RGBA"), "webp": ("RGB", "RGBA")}


def redrawn(data: bytes, code: str) -> bytes:
    """The picture in its own format (`jpeg`, `png` or `webp`), and nothing else. Raises Refused."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    try:
        picture = Image.open(io.BytesIO(data), formats=[_SAVING[code]["format"]])
        if picture.width * picture.height > MAXIMUM_PIXELS:
            raise Refused("too_many_pixels")
        # A telephone's JPEG may hold a second picture (depth, brightness): only the first is meant to be seen.
        if code != "jpeg" and getattr(picture, "n_frames", 1) > 1:
            raise Refused("animated")
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels") from None
    except UnidentifiedImageError:
        raise Refused("broken") from None
    drawn = _fit(upright, code)
    # A fresh picture has the pixels alone: Pillow would write some of what `info` holds without being asked.
    drawn.info.clear()
    for quality in QUALITIES:
        out = io.BytesIO()
        drawn.save(out, quality=quality, **_SAVING[code])
        if out.tell() <= MAXIMUM_BYTES or code == "png":
            break
    return out.getvalue()


def _fit(picture: Image.Image, code: str) -> Image.Image:
    if picture.mode in _MODES[code] and "transparency" not in picture.info:
        return picture
    clear = code != "jpeg" and (picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info)
    return picture.convert("RGBA" if clear else "RGB")
