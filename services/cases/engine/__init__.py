"""The case-workflow engine: a definition is data, `decide` and `evolve` are pure, and the checker drives both.

No input, output, clock or randomness: time, ids and who acts come in on the command.
"""

from services.cases.engine.available import Possible, available
from services.cases.engine.decide import decide
from services.cases.engine.definition import Definition
from services.cases.engine.evolve import evolve
from services.cases.engine.reading import DefinitionError, Fault, load, read
from services.cases.engine.refusals import Refusal
from services.cases.engine.state import Case, Deadline, Event, Referral
from services.cases.engine.succession import earliest

__all__ = [
    "Case",
    "Deadline",
    "Definition",
    "DefinitionError",
    "Event",
    "Fault",
    "Possible",
    "Referral",
    "Refusal",
    "available",
    "decide",
    "earliest",
    "evolve",
    "load",
    "read",
]
