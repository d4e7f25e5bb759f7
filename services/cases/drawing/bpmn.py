"""The definition as BPMN 2.0 XML with its shapes (diagram interchange), which modelling tools open and engines run.

For each stage a task in which somebody chooses the next step (`step`), then a task for each step. Where a step branches
or needs a second person, whoever finishes the task says where it leads (`stage`) and whether it is approved
(`approved`): BPMN has no facts of ours, so our conditions stand there as texts. A final stage is an end event;
reopening, which begins anew, is written beside it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from services.cases.drawing import order
from services.cases.engine.definition import Definition, Stage, Step

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
DD = "http://www.omg.org/spec/DD/20100524/DI"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SPACES = {"bpmn": BPMN, "bpmndi": DI, "dc": DC, "di": DD, "xsi": XSI}
OURS = "https://rujukan.invalid/workflow"

WORDS = {
    "id": {
        "choose": "pilih langkah",
        "approve": "Setujui",
        "refer": "Rujuk ke lembaga",
        "reopen": "Dibuka lagi dengan",
    },
    "en": {"choose": "choose a step", "approve": "Approve", "refer": "Refer to agencies", "reopen": "Left again by"},
}
SIZES = {"startEvent": (36, 36), "endEvent": (36, 36), "exclusiveGateway": (50, 50), "textAnnotation": (220, 50)}
TASK = (170, 70)
COLUMN, ROW, TOP, LEFT = 240, 100, 60, 60


@dataclass
class Node:
    """An element of the process with its place. `x`, `y`: its upper left corner."""

    id: str
    kind: str
    name: str
    x: float
    y: float
    documentation: str = ""
    incoming: list[str] = field(default_factory=list)
    outgoing: list[str] = field(default_factory=list)
    otherwise: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return SIZES.get(self.kind, TASK)


@dataclass
class Flow:
    """A way from one node to another: `when` is what an engine asks, `label` what a person reads."""

    id: str
    source: Node
    target: str
    label: str
    when: str


def bpmn(definition: Definition, lang: str) -> str:
    """The XML in a language (id, en). Raises KeyError for another."""
    return _Drawn(definition, lang).xml()


class _Drawn:
    def __init__(self, definition: Definition, lang: str) -> None:
        self._definition = definition
        self._lang = lang
        self._words = WORDS[lang]
        self._nodes: dict[str, Node] = {}
        self._flows: list[Flow] = []
        self._notes: list[tuple[Node, Node]] = []
        self._row = 1
        start = self._node("start", "startEvent", "", 0, 0)
        self._flow(start, self._entry(definition.begins))
        for stage in order.stages(definition):
            (self._end if stage.final else self._stage)(stage)

    def _entry(self, stage: str) -> str:
        return f"{'end' if self._definition.stages[stage].final else 'at'}_{stage}"

    def _node(self, id: str, kind: str, name: str, column: int, row: int, documentation: str = "") -> Node:
        width, height = SIZES.get(kind, TASK)
        x = LEFT + column * COLUMN + (TASK[0] - width) / 2
        y = TOP + row * ROW + (TASK[1] - height) / 2
        self._nodes[id] = Node(id, kind, order.clean(name), x, y, order.clean(documentation))
        return self._nodes[id]

    def _flow(self, source: Node, target: str, label: str = "", when: str = "") -> Flow:
        flow = Flow(f"flow_{len(self._flows) + 1}", source, target, order.clean(label), when)
        self._flows.append(flow)
        source.outgoing.append(flow.id)
        return flow

    def _stage(self, stage: Stage) -> None:
        name = stage.names[self._lang]
        choose = self._node(f"at_{stage.name}", "userTask", f"{name}: {self._words['choose']}", 0, self._row)
        steps = order.steps(self._definition, stage)
        kinds = order.kinds(self._definition, stage)
        if steps or kinds:
            choice = self._node(f"choice_{stage.name}", "exclusiveGateway", "", 1, self._row)
            self._flow(choose, choice.id)
            for step in steps:
                task = self._step(stage, step)
                self._flow(choice, task.id, when=f"step == '{step.name}'")
                self._row += 1
            if kinds:
                listed = ", ".join(self._definition.referrals[kind].names[self._lang] for kind in kinds)
                task = self._node(f"refer_{stage.name}", "userTask", self._words["refer"], 2, self._row, listed)
                self._flow(choice, task.id, when="step == 'refer'")
                self._flow(task, choose.id)
                self._row += 1
        else:
            self._row += 1

    def _step(self, stage: Stage, step: Step) -> Node:
        """A step's task, its approval, and where they lead."""
        id, name = f"{stage.name}.{step.name}", step.names[self._lang]
        said = "" if step.when is None else step.when.text
        first = last = self._node(id, "userTask", name, 2, self._row, said)
        if step.approved_by:
            approval = self._node(f"{id}.approve", "userTask", f"{self._words['approve']}: {name}", 3, self._row)
            self._flow(first, approval.id)
            last = self._node(f"{id}.approved", "exclusiveGateway", "", 4, self._row)
            self._flow(approval, last.id)
            self._default(last, self._entry(stage.name))
        ways = dict.fromkeys([stage.name], "") if not step.to else {}
        for branch in step.to:
            ways.setdefault(branch.stage, "" if branch.when is None else branch.when.text)
        if all(branch.when is not None for branch in step.to):
            ways.setdefault(stage.name, "")
        if len(ways) == 1:
            self._flow(last, self._entry(next(iter(ways))), when="approved == True" if step.approved_by else "")
            return first
        where = self._node(f"{id}.where", "exclusiveGateway", "", 5 if step.approved_by else 3, self._row)
        self._flow(last, where.id, when="approved == True" if step.approved_by else "")
        for target, condition in ways.items():
            self._flow(where, self._entry(target), condition, f"stage == '{target}'")
        return first

    def _default(self, gateway: Node, target: str) -> None:
        gateway.otherwise = self._flow(gateway, target).id

    def _end(self, stage: Stage) -> None:
        end = self._node(f"end_{stage.name}", "endEvent", stage.names[self._lang], 0, self._row)
        names = [step.names[self._lang] for step in order.steps(self._definition, stage)]
        if names:
            text = f"{self._words['reopen']}: {', '.join(names)}"
            self._notes.append((end, self._node(f"note_{stage.name}", "textAnnotation", text, 1, self._row)))
        self._row += 1

    def xml(self) -> str:
        """The whole document."""
        for prefix, space in SPACES.items():
            ET.register_namespace(prefix, space)
        for flow in self._flows:
            self._nodes[flow.target].incoming.append(flow.id)
        root = ET.Element(f"{{{BPMN}}}definitions", {"id": "definitions", "targetNamespace": OURS})
        process = ET.SubElement(
            root,
            f"{{{BPMN}}}process",
            {
                "id": self._definition.name,
                "name": order.clean(self._definition.names[self._lang]),
                "isExecutable": "true",
            },
        )
        for node in self._nodes.values():
            if node.kind != "textAnnotation":
                self._element(process, node)
        for flow in self._flows:
            self._sequence(process, flow)
        for end, note in self._notes:
            text = ET.SubElement(process, f"{{{BPMN}}}textAnnotation", {"id": note.id})
            ET.SubElement(text, f"{{{BPMN}}}text").text = note.name
            said = {"id": f"{note.id}.of", "sourceRef": end.id, "targetRef": note.id}
            ET.SubElement(process, f"{{{BPMN}}}association", said)
        self._shapes(root)
        ET.indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"

    def _element(self, process: ET.Element, node: Node) -> None:
        said = {"id": node.id} | ({"name": node.name} if node.name else {})
        if node.otherwise:
            said["default"] = node.otherwise
        element = ET.SubElement(process, f"{{{BPMN}}}{node.kind}", said)
        if node.documentation:
            ET.SubElement(element, f"{{{BPMN}}}documentation").text = node.documentation
        for name, flows in (("incoming", node.incoming), ("outgoing", node.outgoing)):
            for flow in flows:
                ET.SubElement(element, f"{{{BPMN}}}{name}").text = flow

    def _sequence(self, process: ET.Element, flow: Flow) -> None:
        said = {"id": flow.id, "sourceRef": flow.source.id, "targetRef": flow.target}
        if flow.label:
            said["name"] = flow.label
        element = ET.SubElement(process, f"{{{BPMN}}}sequenceFlow", said)
        if flow.when:
            condition = f"{{{BPMN}}}conditionExpression"
            ET.SubElement(element, condition, {f"{{{XSI}}}type": "bpmn:tFormalExpression"}).text = flow.when

    def _shapes(self, root: ET.Element) -> None:
        diagram = ET.SubElement(root, f"{{{DI}}}BPMNDiagram", {"id": "diagram"})
        plane = ET.SubElement(diagram, f"{{{DI}}}BPMNPlane", {"id": "plane", "bpmnElement": self._definition.name})
        for node in self._nodes.values():
            shape = ET.SubElement(plane, f"{{{DI}}}BPMNShape", {"id": f"{node.id}.shape", "bpmnElement": node.id})
            place = {"x": node.x, "y": node.y, "width": node.size[0], "height": node.size[1]}
            ET.SubElement(shape, f"{{{DC}}}Bounds", {name: f"{value:g}" for name, value in place.items()})
        for flow in self._flows:
            self._edge(plane, flow.id, flow.source, self._nodes[flow.target])
        for end, note in self._notes:
            self._edge(plane, f"{note.id}.of", end, note)

    def _edge(self, plane: ET.Element, id: str, source: Node, target: Node) -> None:
        """The way of a line: straight on to the next column; else by the side, in the gap above the target's row."""
        edge = ET.SubElement(plane, f"{{{DI}}}BPMNEdge", {"id": f"{id}.edge", "bpmnElement": id})
        right, middle = source.x + source.size[0], source.y + source.size[1] / 2
        into = target.y + target.size[1] / 2
        if target.x > right:
            turn = right + 20
            points = [(right, middle), (turn, middle), (turn, into), (target.x, into)]
        else:
            aside = right + 24
            above = target.y - 14
            centre = target.x + target.size[0] / 2
            points = [(right, middle), (aside, middle), (aside, above), (centre, above), (centre, target.y)]
        for x, y in points:
            ET.SubElement(edge, f"{{{DD}}}waypoint", {"x": f"{x:g}", "y": f"{y:g}"})
