"""What all services agree on, as data: places, codes, agency kinds, identifying fields, working time.

The data are YAML files beside this one; the modules only read them. No service, no database, no web.
"""

from shared.domain.agencies import AgencyKind, agency_kinds, areas_served, services_given
from shared.domain.code_lists import Code, age_band, codes, kinds, label
from shared.domain.data import LANGUAGES, DomainDataError
from shared.domain.identifying import IdentifyingField, identifying_fields
from shared.domain.places import City, Kecamatan, Kelurahan, city, kecamatan_of, kecamatans, kelurahans

__all__ = [
    "LANGUAGES",
    "AgencyKind",
    "City",
    "Code",
    "DomainDataError",
    "IdentifyingField",
    "Kecamatan",
    "Kelurahan",
    "age_band",
    "agency_kinds",
    "areas_served",
    "city",
    "codes",
    "identifying_fields",
    "kecamatan_of",
    "kecamatans",
    "kelurahans",
    "kinds",
    "label",
    "services_given",
]
