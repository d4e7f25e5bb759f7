"""In which words a session says from where it was begun: the browser and the system, or a program.

The header `User-Agent` is not kept: it tells more of a device than its owner needs to know it again.
"""

from __future__ import annotations

#: Looked for in this order: every browser also names older ones.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str | None:
    """For example "Chrome, Android"; None when the header names neither a browser nor a system that we know."""
    known = [next((name for mark, name in names if mark in user_agent), None) for names in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in known if name) or None
