"""What may be attached: its formats and limits, the cleaning of what comes in, and the question to a virus scanner.

It keeps nothing (shared.vault does) and knows no request. The cleaning itself runs in a process of its own.
"""

from shared.files.cleaning import Busy, Cleaned, cleaned
from shared.files.formats import FORMATS, MAXIMUM_BYTES, MAXIMUM_FILES, Refused, digest, safe_name
from shared.files.scanner import Infected, ScannerAway, scan

__all__ = [
    "FORMATS",
    "MAXIMUM_BYTES",
    "MAXIMUM_FILES",
    "Busy",
    "Cleaned",
    "Infected",
    "Refused",
    "ScannerAway",
    "cleaned",
    "digest",
    "safe_name",
    "scan",
]
