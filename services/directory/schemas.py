"""What crosses the wire of directory's JSON API. Unknown fields are refused, so nobody sets what is not theirs to set.

A schema checks form; whether a change is allowed is decided in model.py and commands.py.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from services.directory.looks import KINDS
from services.directory.morning.wishes import CHOICES
from services.directory.texts import OWNERSHIPS, ROLES
from shared.domain import agency_kinds, codes, kecamatans
from shared.web.fields import StrictBoolean
from shared.web.language import N_
from shared.web.paging import Paged

LONGEST_NAME = 200
LONGEST_PASSWORD = 1_000
LONGEST_CODE = 200
MOST_REFERRALS = 9_999

_agency_kind = validate.OneOf(list(agency_kinds()))
_kecamatan = validate.OneOf(list(kecamatans()))
_service = validate.OneOf(list(codes("service_kind")))
_partnership = validate.OneOf(list(codes("partnership")))
_role = validate.OneOf(list(ROLES))
# At least one character that is not a space.
_name = [validate.Length(max=LONGEST_NAME), validate.Regexp(r"\s*\S", error="Missing data for required field.")]
_phone = validate.Regexp(r"[0-9+() -]{3,30}\Z", error=N_("Not a valid telephone number."))


def identifier(kind: str) -> validate.Regexp:
    """The form of an id of one kind."""
    return validate.Regexp(rf"{kind}-[0-9a-f]{{32}}\Z", error=N_("Not a valid id."))


def areas_of_work(**options: Any) -> fields.List:
    """The kecamatan of an account, each once."""
    once = validate.Length(max=len(kecamatans()))
    return fields.List(fields.String(validate=_kecamatan), validate=once, **options)


class Stored(Schema):
    """What every entry has: its id, and the version that a change must name (ETag and If-Match carry it too)."""

    id = fields.String(attribute="_id", dump_only=True)
    version = fields.Integer(dump_only=True)


class AgencyFacts(Schema):
    """What is known of an agency; its telephone number, address and kecamatan are those of the office.

    `services` it gives; none named: all that its kind may give. `areas` it serves: kecamatan, none for the whole city;
    left out at registration, that of the office. `capacity`: how many open referrals it takes at a time, null for no
    limit.
    """

    name = fields.String(required=True, validate=_name)
    kind = fields.String(required=True, validate=_agency_kind)
    kecamatan = fields.String(load_default=None, allow_none=True, validate=_kecamatan)
    services = fields.List(
        fields.String(validate=_service), load_default=list, validate=validate.Length(max=len(codes("service_kind")))
    )
    areas = fields.List(fields.String(validate=_kecamatan), validate=validate.Length(max=len(kecamatans())))
    capacity = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=0, max=MOST_REFERRALS)
    )
    phone = fields.String(load_default=None, allow_none=True, validate=_phone)
    email = fields.Email(load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_NAME))
    active = StrictBoolean(load_default=True)


class AgencyChange(AgencyFacts):
    """What may change of an agency: any of its facts. Used with `partial=True`."""


class Agency(AgencyFacts, Stored):
    """An agency as it is shown."""


class CompanyFacts(Schema):
    """What is known of a company of APSAI and of its partnership beyond CSR: policy, product, programme."""

    name = fields.String(required=True, validate=_name)
    ownership = fields.String(required=True, validate=validate.OneOf(list(OWNERSHIPS)))
    partnership = fields.List(
        fields.String(validate=_partnership),
        load_default=list,
        validate=validate.Length(max=len(codes("partnership"))),
    )
    kecamatan = fields.String(load_default=None, allow_none=True, validate=_kecamatan)
    active = StrictBoolean(load_default=True)


class CompanyChange(CompanyFacts):
    """What may change of a company: any of its facts. Used with `partial=True`."""


class Company(CompanyFacts, Stored):
    """A company as it is shown."""


class PersonFacts(Schema):
    """A member of staff of an agency."""

    name = fields.String(required=True, validate=_name)
    email = fields.Email(required=True, validate=validate.Length(max=LONGEST_NAME))
    agency_id = fields.String(load_default=None, allow_none=True, validate=identifier("agency"))


class PersonChange(PersonFacts):
    """What may change of a member of staff: any of its facts. Used with `partial=True`."""


class Person(PersonFacts, Stored):
    """A member of staff as shown."""


class AccountFacts(Schema):
    """A new account: whose, with which role. Without a first password its owner sets one by a link.

    `areas`: the kecamatan in which an intake clerk or a case worker opens identities, none for the whole city.
    """

    person_id = fields.String(required=True, validate=identifier("staff"))
    role = fields.String(required=True, validate=_role)
    areas = areas_of_work(load_default=list)
    password = fields.String(
        load_default=None, allow_none=True, load_only=True, validate=validate.Length(max=LONGEST_PASSWORD)
    )


class AccountChange(Schema):
    """What may change of an account."""

    role = fields.String(validate=_role)
    areas = areas_of_work()
    active = StrictBoolean()
    password = fields.String(load_only=True, validate=validate.Length(max=LONGEST_PASSWORD))


class Account(Stored):
    """An account as it is shown: never its password, nor anything made of it."""

    person_id = fields.String()
    name = fields.String()
    role = fields.String()
    areas = fields.List(fields.String())
    agency_id = fields.String(allow_none=True)
    active = fields.Boolean()


class Credentials(Schema):
    """What signing in asks for. The limits only keep senseless work away: any text may be a wrong password."""

    email = fields.String(required=True, validate=validate.Length(min=1, max=LONGEST_NAME))
    password = fields.String(required=True, load_only=True, validate=validate.Length(min=1, max=LONGEST_PASSWORD))


class Answer(Schema):
    """The second step of signing in: which challenge, and a code of the app or for recovery."""

    challenge = fields.String(required=True, load_only=True, validate=validate.Length(min=1, max=LONGEST_CODE))
    code = fields.String(required=True, load_only=True, validate=validate.Length(min=1, max=LONGEST_CODE))


class MorningWish(Schema):
    """What a person chose of the e-mail of the morning: its language, or none."""

    wish = fields.String(required=True, validate=validate.OneOf(CHOICES))


class NewLink(Schema):
    """A link to hand over: an `invitation` to an account without a password, a `reset` of one. It works once."""

    link = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["invitation", "reset"]))
    expires_at = fields.AwareDateTime(required=True, format="iso")


class NewPassword(Schema):
    """A password set by its owner: `code` is what follows # in the link."""

    code = fields.String(required=True, load_only=True, validate=validate.Length(min=1, max=LONGEST_CODE))
    password = fields.String(required=True, load_only=True, validate=validate.Length(max=LONGEST_PASSWORD))


class NewSession(Schema):
    """A new session: send `token` as `Authorization: Bearer`. It ends at `expires_at` unless it is used."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True, format="iso")


class CurrentSession(Schema):
    """Whose session this is."""

    account_id = fields.String(required=True)
    role = fields.String(required=True)
    agency_id = fields.String(required=True, allow_none=True)
    name = fields.String(required=True)


class LiveSession(Schema):
    """One place where somebody is signed in. `used_at` is exact to ten minutes; `device` is null when it is unknown."""

    id = fields.String(required=True)
    device = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True, format="iso")
    used_at = fields.AwareDateTime(required=True, format="iso")
    expires_at = fields.AwareDateTime(required=True, format="iso")
    current = fields.Boolean(required=True)


class LiveSessions(Schema):
    """All places where somebody is signed in, the latest use first."""

    items = fields.List(fields.Nested(LiveSession), required=True)


class ActivePaging(Paged):
    """Paging, with the choice of active entries or closed ones."""

    active = fields.Boolean()


class AgencyPaging(ActivePaging):
    """Paging through agencies, of one kind if given."""

    kind = fields.String(validate=_agency_kind)


class LooksPaging(Paged):
    """Paging through who has looked at one person, report or file."""

    subject = fields.String(
        required=True,
        validate=validate.Regexp(r"(report|person|attachment)-[0-9a-f]{32}\Z", error=N_("Not a valid id.")),
    )


class Look(Schema):
    """One entry of the audit log. `name` is that of the account; empty for a process of ours."""

    id = fields.String(attribute="_id", required=True)
    at = fields.AwareDateTime(required=True, format="iso")
    actor = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    agency = fields.String(required=True, allow_none=True)
    action = fields.String(required=True)
    subject = fields.String(required=True)
    fields_ = fields.List(fields.String(), attribute="fields", data_key="fields", required=True)
    purpose = fields.String(required=True)
    outcome = fields.String(required=True)
    basis = fields.String(required=True, metadata={"description": "The grounds; empty for what was no opening."})


class Unusual(Schema):
    """Reading that somebody should ask about: `records` persons and reports in the day or half hour from `at` on."""

    actor = fields.String(required=True)
    name = fields.String(required=True)
    what = fields.String(required=True, validate=validate.OneOf(KINDS))
    at = fields.AwareDateTime(required=True, format="iso")
    records = fields.Integer(required=True)


class UnusualList(Schema):
    """All unusual reading of the last weeks, the latest first."""

    items = fields.List(fields.Nested(Unusual), required=True)
