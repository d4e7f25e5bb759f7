"""The locked room: the only place where anything that can identify a person is written."""

from shared.vault.vault import NotHeld, NotReadable, Opened, UndeclaredField, Vault

__all__ = ["NotHeld", "NotReadable", "Opened", "UndeclaredField", "Vault"]
