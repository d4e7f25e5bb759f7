"""Directory's pages: the first page and signing in (front), agencies and companies (registry), staff (staff)."""

from services.directory.pages.front import front
from services.directory.pages.registry import agencies, companies
from services.directory.pages.staff import accounts, people

BLUEPRINTS = [front, agencies, companies, people, accounts]
