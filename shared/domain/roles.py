"""The roles that a person's account can have, in the order in which lists show them. What each may: shared/access."""

ROLES = ("intake_clerk", "case_worker", "supervisor", "partner_agency", "analyst", "administrator")
