"""The locked room: the only place where anything that can identify a person is written."""

from shared.vault.files import Damaged, Files, OpenFile
from shared.vault.vault import NotHeld, NotReadable, Opened, UndeclaredField, Vault

__all__ = ["Damaged", "Files", "NotHeld", "NotReadable", "OpenFile", "Opened", "UndeclaredField", "Vault"]
