"""A container's health check: exits with 0 when the address answers 200. `python -m deploy.docker.healthy URL`"""

import sys
import urllib.request


def main(url: str) -> int:
    """0 when `url` answers 200 within four seconds, else 1."""
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:  # noqa: S310 - the address is ours
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
