"""Directory's pages: the first page and signing in (front, provider, second_step), setting a password by a link
(new_password), one's sessions (signed_in), those of colleagues (colleagues), one's second factor (second_factor) and
e-mail of the morning (morning_email), agencies and companies (registry), staff (staff) and their accounts (accounts,
leaving), who has looked at whom (looks).
"""

from services.directory.pages.accounts import accounts
from services.directory.pages.colleagues import colleagues
from services.directory.pages.front import front
from services.directory.pages.leaving import leaving
from services.directory.pages.looks import looks
from services.directory.pages.morning_email import morning_email
from services.directory.pages.new_password import new_password
from services.directory.pages.provider import callback, provider
from services.directory.pages.registry import agencies, companies
from services.directory.pages.second_factor import second_factor
from services.directory.pages.second_step import second_step
from services.directory.pages.signed_in import signed_in
from services.directory.pages.staff import people

BLUEPRINTS = [
    front,
    provider,
    second_step,
    new_password,
    signed_in,
    colleagues,
    second_factor,
    morning_email,
    agencies,
    companies,
    people,
    accounts,
    leaving,
    looks,
]

__all__ = ["BLUEPRINTS", "callback"]
