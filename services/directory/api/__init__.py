"""Directory's JSON: agencies and companies (registry), people and accounts (staff), sessions and the exchange for the
proxy (signing), the audit log (looks).

A list has `items`, `page`, `page_size` and `total`. A change names the version it knows in If-Match.
"""

from services.directory.api.looks import audit
from services.directory.api.registry import agencies, companies
from services.directory.api.signing import internal, session
from services.directory.api.staff import accounts, people

BLUEPRINTS = [agencies, companies, people, accounts, session, audit]

__all__ = ["BLUEPRINTS", "internal"]
