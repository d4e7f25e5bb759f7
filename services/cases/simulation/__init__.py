"""Playing cases through a definition: where they wait, which deadlines break, what one more person would change.

The engine's own `decide` and `evolve` say what happens; figures.py says how long things take and what is chosen
(assumptions, in a YAML file beside the definition); simpy keeps the time and the queues. Nothing is stored, and the
same seed gives the same result.
"""

from services.cases.simulation.compare import compared, longer
from services.cases.simulation.figures import Figures
from services.cases.simulation.play import play
from services.cases.simulation.reading import load, read
from services.cases.simulation.result import Result

__all__ = ["Figures", "Result", "compared", "load", "longer", "play", "read"]
