"""What a definition cannot tell apart, the explorer need not try twice: values of facts, and kinds of referral.

Two values are of one class if every condition treats them alike, seen from what its text compares them with. Where a
text uses a name in any other way, nothing is folded: the check may take longer, and never misses a case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from services.cases.engine.definition import DeadlineRule, Definition
from services.cases.engine.guards import REFERRALS, Guard
from services.cases.engine.state import OPEN

_COMPARISON = r"\b{name}\s*(?:(?:==|!=)\s*(?:null|'[^']*'|\"[^\"]*\")|\s+in\s+\[[^\]]*\])"
_WHETHER = re.compile(r"\bsize\(referrals\)\s*(?:==|!=|>)\s*0\b(?!\.)|\breferrals\.(?:exists|all)\(")
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")
_COMPARED = re.compile(r"(?:==|!=)\s*('[^']*'|\"[^\"]*\")|\bin\s+\[([^\]]*)\]")


def guards(definition: Definition) -> Iterator[Guard]:
    """Every condition of a definition."""
    for step in definition.steps.values():
        if step.when is not None:
            yield step.when
        yield from (branch.when for branch in step.to if branch.when is not None)
        yield from step.forgets.values()
    yield from (invariant.never for invariant in definition.invariants.values())


def representatives(definition: Definition) -> dict[str, tuple[str, ...]]:
    """Fact -> one value of each class, the first of its list."""
    return {name: _first_of_each(definition, name, fact.values) for name, fact in definition.facts.items()}


def told_apart(definition: Definition) -> set[str]:
    """The facts that some condition asks for, or without which a deadline does not begin: the others make no
    difference to what can happen."""
    asked = set().union(*(guard.asks for guard in guards(definition)), _begins_by(_rules(definition)))
    return asked & set(definition.facts)


def remembered(definition: Definition) -> set[str]:
    """Those of them on which something later can depend. A fact that is only asked for by the branches of the steps
    that record it is decided there and then."""
    later = set(_begins_by(_rules(definition)))
    for step in definition.steps.values():
        later |= step.when.asks if step.when is not None else set()
        later |= set().union(*(guard.asks for guard in step.forgets.values())) - set(step.records)
        for branch in step.to:
            later |= branch.when.asks - set(step.records) if branch.when is not None else set()
    for invariant in definition.invariants.values():
        later |= invariant.never.asks
    return later & set(definition.facts)


def counts_referrals(definition: Definition) -> bool:
    """Whether some condition can tell two equal referrals from one. Asking whether there is any, or one of a kind, or
    whether all are, cannot."""
    return any(REFERRALS in guard.asks and not _only_whether(guard.text) for guard in guards(definition))


def kind_classes(definition: Definition) -> dict[str, str]:
    """Kind of referral -> the kind that stands for it: the first with the same consents and stages that no condition
    tells from it, and whose deadlines begin by the same facts."""
    chosen: dict[object, str] = {}
    treated = _treated(definition)
    return {
        kind.name: chosen.setdefault(
            (kind.consents, kind.stages, treated(kind.name), _begins_by((kind.response, kind.service))), kind.name
        )
        for kind in definition.referrals.values()
    }


def state_classes(definition: Definition) -> dict[str, str]:
    """State of an open referral -> the state that stands for it: the first that no condition tells from it."""
    chosen: dict[object, str] = {}
    treated = _treated(definition)
    return {state: chosen.setdefault(treated(state), state) for state in OPEN}


def _rules(definition: Definition) -> Iterator[DeadlineRule | None]:
    yield from definition.deadlines.values()
    for kind in definition.referrals.values():
        yield from (kind.response, kind.service)


def _begins_by(rules: Iterable[DeadlineRule | None]) -> tuple[str, ...]:
    """What must be known for deadlines to begin. Each value has a period (naming.py): that it is recorded is enough."""
    return tuple("" if rule is None or "otherwise" in rule.within else rule.by for rule in rules)


def _treated(definition: Definition) -> Callable[[str], object]:
    """What conditions make of a text that they may name: with which others they name it, and whether on its own."""
    texts = [guard.text for guard in guards(definition)]
    sets = [values for text in texts for values in _literal_sets(text)]
    beside = {value for text in texts for value in _strings(_COMPARED.sub("", text))}
    return lambda value: (value if value in beside else "", tuple(value in values for values in sets))


def _first_of_each(definition: Definition, fact: str, values: Iterable[str]) -> tuple[str, ...]:
    memberships: dict[str, list[bool]] = {value: [] for value in values}
    for guard in guards(definition):
        if fact not in guard.asks:
            continue
        comparisons = re.findall(_COMPARISON.format(name=fact), guard.text)
        uses = re.findall(rf"\b{fact}\b", _STRINGS.sub("", guard.text))
        if len(comparisons) != len(uses):
            return tuple(values)
        for comparison in comparisons:
            named = _strings(comparison)
            for value, memberships_of_value in memberships.items():
                memberships_of_value.append(value in named)
    firsts: dict[tuple[bool, ...], str] = {}
    for value, membership in memberships.items():
        firsts.setdefault(tuple(membership), value)
    return tuple(firsts.values())


def _only_whether(text: str) -> bool:
    return len(_WHETHER.findall(text)) == len(re.findall(r"\breferrals\b", _STRINGS.sub("", text)))


def _literal_sets(text: str) -> Iterator[set[str]]:
    for one, many in _COMPARED.findall(text):
        yield _strings(one or many)


def _strings(text: str) -> set[str]:
    return {found[1:-1] for found in _STRINGS.findall(text)}
