"""Directory's pages: the first page and signing in (front), one's sessions (signed_in), agencies and companies
(registry), staff (staff), who has looked at whom (looks).
"""

from services.directory.pages.front import front
from services.directory.pages.looks import looks
from services.directory.pages.registry import agencies, companies
from services.directory.pages.signed_in import signed_in
from services.directory.pages.staff import accounts, people

BLUEPRINTS = [front, signed_in, agencies, companies, people, accounts, looks]
