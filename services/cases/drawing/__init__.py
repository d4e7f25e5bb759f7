"""A workflow definition as a drawing: SVG for pages, Mermaid for documents, BPMN 2.0 XML for other tools.

Pure: a definition in, a text out. What a definition names is data: each form escapes it in its own way.
"""

from services.cases.drawing.bpmn import bpmn
from services.cases.drawing.mermaid import mermaid
from services.cases.drawing.svg import drawing

__all__ = ["bpmn", "drawing", "mermaid"]
