"""What a session remembers of the device it was begun on."""

import pytest

from services.directory.devices import device

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"
HEADERS = {
    f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36": "Chrome, Android",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/130.0.0.0": "Edge, Windows",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0": "Firefox, Linux",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1": (
        "Safari, iPhone"
    ),
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)": "ChromeOS",
}


@pytest.mark.parametrize(("header", "words"), HEADERS.items())
def test_a_browser_is_known_by_its_name_and_its_system(header, words):
    assert device(header) == words


def test_what_is_unknown_is_not_kept():
    for header in ("", "python-requests/2.32", "<script>alert(1)</script>", "x" * 100_000):
        assert device(header) is None
