"""The SVG: a column of cards, one for each stage, with its steps; lines at the sides lead on (right) and back (left).

Upright, so that it is read on a telephone as it is. All lines to one stage share a lane, so that there are few. No
style sheet and no script: a page's content security policy lets presentation attributes pass. Lengths are CSS pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from html import escape

from services.cases.drawing import order
from services.cases.engine.definition import Definition, Stage

#: As in the pages' style sheet (shared/web/static/app.css).
BRAND, TEXT, SECONDARY, SURFACE, BORDER, PAPER = "#12545b", "#0b0c0c", "#484949", "#f2f7f6", "#a9c8c5", "#ffffff"
CARD, HEAD, LINE, PAD, GAP, LANE = 256, 34, 17, 8, 26, 14
SIZE, HEAD_SIZE = 12.5, 14
CHARACTERS, HEAD_CHARACTERS = 36, 24
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"

WORDS = {
    "id": {
        "here": "Di sini",
        "visited": "Sudah dilalui",
        "stage": "Tahap",
        "final": "Akhir",
        "approved": "perlu persetujuan",
        "referrals": "Rujukan ke lembaga: {} jenis",
        "stays": "tetap di tahap ini",
        "leads": "menuju",
        "or": "atau",
        "now": "Kasus sekarang berada di tahap {}.",
    },
    "en": {
        "here": "Here now",
        "visited": "Passed",
        "stage": "Stage",
        "final": "End",
        "approved": "needs approval",
        "referrals": "Referrals to agencies: {} kinds",
        "stays": "stays in this stage",
        "leads": "leads to",
        "or": "or",
        "now": "The case is now in the stage {}.",
    },
}


@dataclass(frozen=True)
class Row:
    """What a card says of one step: its lines of text, and the stages that it leads to."""

    lines: list[str]
    targets: list[str]


@dataclass(frozen=True)
class Card:
    """A stage with its place in the drawing."""

    stage: Stage
    rows: list[Row]
    top: float
    height: float

    @property
    def entry(self) -> float:
        """The height at which lines arrive: the middle of its head."""
        return self.top + HEAD / 2

    def exits(self) -> Iterator[tuple[float, str]]:
        """For each stage that its steps lead to: the height of the first line of the step, and the stage."""
        y = self.top + HEAD + PAD
        for row in self.rows:
            for target in row.targets:
                yield y + LINE / 2, target
            y += LINE * len(row.lines)


def drawing(definition: Definition, lang: str, at: str | None = None, visited: Collection[str] = ()) -> str:
    """The SVG of a definition in a language (id, en), with the stage where a case is and those it has passed.

    Raises KeyError for a stage that there is not, or a language.
    """
    words = WORDS[lang]
    if at is not None:
        definition.stages[at]
    cards = _cards(definition, lang)
    lanes = _Lanes(cards)
    width = lanes.left + CARD + lanes.right
    last = next(reversed(cards.values()))
    height = last.top + last.height + 2
    title = order.clean(definition.names[lang])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="workflow-title workflow-desc" '
        f'lang="{lang}" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'font-family="{FONT}">',
        f'<title id="workflow-title">{escape(title)}</title>',
        f'<desc id="workflow-desc">{escape(_described(definition, lang, at))}</desc>',
        *lanes.drawn(),
    ]
    for card in cards.values():
        mark = "here" if card.stage.name == at else "visited" if card.stage.name in visited else ""
        parts += _drawn(card, lanes.left, lang, mark, words)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _cards(definition: Definition, lang: str) -> dict[str, Card]:
    """The cards from top to bottom, by stage."""
    cards: dict[str, Card] = {}
    top = 2.0
    for stage in order.stages(definition):
        rows = _rows(definition, stage, lang)
        inner = sum(len(row.lines) for row in rows) * LINE
        height = HEAD + (inner + 2 * PAD if rows else 0)
        cards[stage.name] = Card(stage, rows, top, height)
        top += height + GAP
    return cards


def _rows(definition: Definition, stage: Stage, lang: str) -> list[Row]:
    words = WORDS[lang]
    rows = []
    for step in order.steps(definition, stage):
        targets = order.leads_to(step, stage)
        arrow = "→" if targets else "↺"
        approved = f" ({words['approved']})" if step.approved_by else ""
        rows.append(Row(_wrapped(f"{arrow} {order.clean(step.names[lang])}{approved}", CHARACTERS), targets))
    kinds = order.kinds(definition, stage)
    if kinds:
        rows.append(Row(_wrapped("⇄ " + words["referrals"].format(len(kinds)), CHARACTERS), []))
    return rows


class _Lanes:
    """The lines at the sides. To a stage below runs a lane at the right, to one above a lane at the left."""

    def __init__(self, cards: dict[str, Card]) -> None:
        self._cards = cards
        self._on = self._reaches(down=True)
        self._back = self._reaches(down=False)
        self._lane_on, self._lane_back = _packed(self._on), _packed(self._back)
        self.left = LANE * (len(set(self._lane_back.values())) + 1)
        self.right = LANE * (len(set(self._lane_on.values())) + 1)

    def _reaches(self, down: bool) -> dict[str, list[float]]:
        """Stage -> the heights of its arrival and of all departures to it, on one side."""
        reaches: dict[str, list[float]] = {}
        for card in self._cards.values():
            for y, target in card.exits():
                arrival = self._cards[target].entry
                if (arrival > y) == down:
                    reaches.setdefault(target, [arrival]).append(y)
        return reaches

    def drawn(self) -> Iterator[str]:
        """All lines, each with an arrow where it arrives."""
        right = self.left + CARD
        for target, lane in self._lane_on.items():
            yield from _line(self._on[target], right, right + LANE * (lane + 1) - 4, BRAND)
        for target, lane in self._lane_back.items():
            yield from _line(self._back[target], self.left, self.left - LANE * (lane + 1) + 4, SECONDARY)


def _packed(reaches: dict[str, list[float]]) -> dict[str, int]:
    """Stage -> lane, counted from the cards: the short ones inside, two in one lane only where they do not meet."""
    lanes: list[list[tuple[float, float]]] = []
    chosen = {}
    for target, heights in sorted(reaches.items(), key=lambda each: max(each[1]) - min(each[1])):
        low, high = min(heights) - LINE, max(heights) + LINE
        for number in range(len(lanes) + 1):
            if number == len(lanes):
                lanes.append([])
            if all(high < start or end < low for start, end in lanes[number]):
                lanes[number].append((low, high))
                chosen[target] = number
                break
    return chosen


def _line(heights: list[float], edge: float, x: float, colour: str) -> Iterator[str]:
    arrival, *departures = heights
    dashes = "" if x > edge else ' stroke-dasharray="5 3"'
    ways = [f"M{edge:g} {y:g}H{x:g}" for y in heights]
    ways.append(f"M{x:g} {min(heights):g}V{max(heights):g}")
    yield f'<path d="{"".join(ways)}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>'
    out = 7 if x > edge else -7
    yield f'<path d="M{edge:g} {arrival:g}l{out} -4.5v9z" fill="{colour}"/>'
    for y in departures:
        yield f'<circle cx="{edge:g}" cy="{y:g}" r="2.5" fill="{colour}"/>'


def _drawn(card: Card, x: float, lang: str, mark: str, words: dict[str, str]) -> Iterator[str]:
    """A card. Where the case is: a dark head, a thick frame, and the words; where it was: a tick and the word."""
    here = mark == "here"
    stroke, thick = (TEXT, 3) if here else (BRAND if mark else BORDER, 1.5)
    yield f'<g data-stage="{card.stage.name}">'
    shape = f'x="{x:g}" y="{card.top:g}" width="{CARD}" rx="4"'
    yield f'<rect {shape} height="{card.height:g}" fill="{PAPER}" stroke="{stroke}" stroke-width="{thick}"/>'
    head = BRAND if here else SURFACE
    yield f'<rect {shape} height="{HEAD}" fill="{head}" stroke="{stroke}" stroke-width="{thick}"/>'
    ink = PAPER if here else TEXT
    label = {"here": f"● {words['here']}", "visited": f"✓ {words['visited']}"}.get(mark, "")
    if not label and card.stage.final:
        label = words["final"]
    room = HEAD_CHARACTERS if label else HEAD_CHARACTERS + 10
    name = _shortened(order.clean(card.stage.names[lang]), room - max(len(label) - 8, 0))
    middle = card.entry + 5
    yield f'<text x="{x + PAD:g}" y="{middle:g}" font-size="{HEAD_SIZE}" font-weight="700" fill="{ink}">{name}</text>'
    if label:
        place = f'x="{x + CARD - PAD - 4:g}" y="{middle:g}" text-anchor="end"'
        yield f'<text {place} font-size="{SIZE}" fill="{ink}">{escape(label)}</text>'
    y = card.top + HEAD + PAD + LINE * 0.75
    for row in card.rows:
        for number, line in enumerate(row.lines):
            indent = PAD if number == 0 else PAD + 15
            yield f'<text x="{x + indent:g}" y="{y:g}" font-size="{SIZE}" fill="{TEXT}">{escape(line)}</text>'
            y += LINE
    yield "</g>"


def _described(definition: Definition, lang: str, at: str | None) -> str:
    """All that the drawing shows, as sentences."""
    words = WORDS[lang]
    names = {stage.name: order.clean(stage.names[lang]) for stage in definition.stages.values()}
    said = [] if at is None else [words["now"].format(names[at])]
    for stage in order.stages(definition):
        steps = []
        for step in order.steps(definition, stage):
            targets = f" {words['or']} ".join(names[target] for target in order.leads_to(step, stage))
            leads = f"{words['leads']} {targets}" if targets else words["stays"]
            approved = f", {words['approved']}" if step.approved_by else ""
            steps.append(f"{order.clean(step.names[lang])} ({leads}{approved})")
        end = f" ({words['final'].lower()})" if stage.final else ""
        said.append(f"{words['stage']} {names[stage.name]}{end}" + (": " + "; ".join(steps) if steps else "") + ".")
    return " ".join(said)


def _wrapped(text: str, most: int) -> list[str]:
    """The text in lines of at most so many characters; a word that is longer is cut."""
    lines = [""]
    for word in _words(text.split(), most):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _words(words: Iterable[str], most: int) -> Iterator[str]:
    for word in words:
        yield from (word[start : start + most] for start in range(0, len(word), most))


def _shortened(text: str, most: int) -> str:
    """The text, escaped; a long one is cut and whole in a tooltip."""
    if len(text) <= most:
        return escape(text)
    return f"{escape(text[: most - 1])}…<title>{escape(text)}</title>"
