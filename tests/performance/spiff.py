"""The other side of the engine's bench: the same referral process in SpiffWorkflow, with and without its persistence.

The same steps by the same people, branches by facts, two parallel referrals. It has no deadlines, consents that guard
nothing, and nobody's rights to ask for: whatever it leaves out is in its favour.
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pymongo.collection import Collection
from SpiffWorkflow.bpmn.parser import BpmnParser, BpmnValidator
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

EVENTS = {"begun": "startEvent", "ended": "endEvent"}
GATEWAYS = {"if": "exclusiveGateway", "all": "parallelGateway"}
#: A line is a way: from, to, and the condition under which it is taken. What begins with `if` is an exclusive gateway
#: (its way without a condition is the default), with `all` a parallel one; `begun` and `ended` are the events, and
#: every other element is a user task.
OF_A_CASE = """
begun -> screen
screen -> if_high
if_high -> give_emergency_service : risk == 'high'
if_high -> assess
give_emergency_service -> assess
assess -> if_services
if_services -> consent_services : needs == 'services'
if_services -> visit
consent_services -> consent_disclosure
consent_disclosure -> agree_plan
agree_plan -> approve_plan
approve_plan -> if_agreed
if_agreed -> all_referred : approved == True
if_agreed -> agree_plan
all_done -> end_services
end_services -> visit
visit -> if_stopped
if_stopped -> close : working == 'stopped'
if_stopped -> visit
close -> approve_closure
approve_closure -> if_closed
if_closed -> ended : approved == True
if_closed -> visit
"""
OF_A_REFERRAL = """
all_referred -> request_{kind}
request_{kind} -> claim_{kind}
claim_{kind} -> answer_{kind}
answer_{kind} -> if_accepted_{kind}
if_accepted_{kind} -> start_service_{kind} : accepted == True
if_accepted_{kind} -> request_{kind}
start_service_{kind} -> complete_{kind}
complete_{kind} -> all_done
"""
REFERRED = ("health", "education")

Said = tuple[str, Mapping[str, Any]]
SAID: Sequence[Said] = (
    ("screen", {"risk": "medium"}),
    ("assess", {"needs": "services", "working": "working", "schooling": "none"}),
    ("consent_services", {}),
    ("consent_disclosure", {}),
    ("agree_plan", {}),
    ("approve_plan", {"approved": True}),
    *((f"request_{kind}", {"agency_id": f"agency-{kind}"}) for kind in REFERRED),
    *(
        (f"{task}_{kind}", said)
        for kind in REFERRED
        for task, said in (
            ("claim", {}),
            ("answer", {"accepted": True}),
            ("start_service", {}),
            ("complete", {f"outcome_{kind}": "helped"}),
        )
    ),
    ("end_services", {"working": "stopped", "schooling": "school"}),
    ("visit", {"working": "stopped", "schooling": "school"}),
    ("close", {"closure_reason": "goals_reached"}),
    ("approve_closure", {"approved": True}),
)
"""The tasks of one case and what is said with each, after its beginning."""
COMMANDS = 1 + len(SAID)


@cache
def process() -> BpmnProcessSpec:
    """The process, read once, held against the schema of the standard."""
    parser = BpmnParser(validator=BpmnValidator())
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "referral.bpmn"
        file.write_bytes(_xml())
        parser.add_bpmn_file(str(file))
    return parser.get_spec("referral")


def play(given: Sequence[Said] = SAID) -> BpmnWorkflow:
    """One case from its beginning to its end, in memory."""
    workflow = _begun()
    for task, said in given:
        _finish(workflow, task, said)
    return workflow


class Persistence:
    """Keeps each workflow as its serializer writes it: read back before each command, replaced after it."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._serializer = BpmnWorkflowSerializer()

    def play(self, number: int) -> BpmnWorkflow:
        """One case, stored after each command."""
        workflow = _begun()
        self._store(number, workflow)
        for task, said in SAID:
            document = self._collection.find_one({"_id": number}, {"_id": 0})
            workflow = self._serializer.from_dict(document)
            _finish(workflow, task, said)
            self._store(number, workflow)
        return workflow

    def _store(self, number: int, workflow: BpmnWorkflow) -> None:
        self._collection.replace_one({"_id": number}, self._serializer.to_dict(workflow), upsert=True)


def _begun() -> BpmnWorkflow:
    workflow = BpmnWorkflow(process())
    workflow.do_engine_steps()
    return workflow


def _finish(workflow: BpmnWorkflow, name: str, said: Mapping[str, Any]) -> None:
    task = workflow.get_next_task(state=TaskState.READY, spec_name=name)
    task.data.update(said)
    task.run()
    workflow.do_engine_steps()


def _ways() -> Iterator[tuple[str, str, str]]:
    for line in (OF_A_CASE + "".join(OF_A_REFERRAL.format(kind=kind) for kind in REFERRED)).split("\n"):
        source, _, rest = line.partition(" -> ")
        target, _, condition = rest.partition(" : ")
        if target:
            yield source, target, condition


def _xml() -> bytes:
    ET.register_namespace("bpmn", BPMN)
    root = ET.Element(f"{{{BPMN}}}definitions", {"targetNamespace": "https://rujukan.invalid/bench"})
    inside = ET.SubElement(root, f"{{{BPMN}}}process", {"id": "referral", "isExecutable": "true"})
    ways = [(f"way_{number}", *way) for number, way in enumerate(_ways())]
    for name in dict.fromkeys(name for _, *ends, _ in ways for name in ends):
        kind = EVENTS.get(name) or GATEWAYS.get(name.partition("_")[0], "userTask")
        element = ET.SubElement(inside, f"{{{BPMN}}}{kind}", {"id": name})
        for way, _, target, _ in ways:
            if target == name:
                ET.SubElement(element, f"{{{BPMN}}}incoming").text = way
        for way, source, _, condition in ways:
            if source == name:
                ET.SubElement(element, f"{{{BPMN}}}outgoing").text = way
                if kind == "exclusiveGateway" and not condition:
                    element.set("default", way)
    for way, source, target, condition in ways:
        flow = ET.SubElement(inside, f"{{{BPMN}}}sequenceFlow", {"id": way, "sourceRef": source, "targetRef": target})
        if condition:
            typed = {f"{{{XSI}}}type": "bpmn:tFormalExpression"}
            ET.SubElement(flow, f"{{{BPMN}}}conditionExpression", typed).text = condition
    return ET.tostring(root, xml_declaration=True, encoding="utf-8")
