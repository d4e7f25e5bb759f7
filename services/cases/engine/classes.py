"""What a definition cannot tell apart, the explorer need not try twice: values of facts, and kinds of referral.

Two values are of one class if every condition treats them alike, seen from what its text compares them with. Where a
text uses a name in any other way, nothing is folded: the check may take longer, and never misses a case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from services.cases.engine.definition import Definition
from services.cases.engine.guards import REFERRALS, Guard

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
    yield from (invariant.never for invariant in definition.invariants.values())


def representatives(definition: Definition) -> dict[str, tuple[str, ...]]:
    """Fact -> one value of each class, the first of its list."""
    return {name: _first_of_each(definition, name, fact.values) for name, fact in definition.facts.items()}


def told_apart(definition: Definition) -> set[str]:
    """The facts that some condition asks for: the others make no difference to what can happen."""
    asked = set().union(*(guard.variables() for guard in guards(definition)), set())
    return asked & set(definition.facts)


def remembered(definition: Definition) -> set[str]:
    """Those of them on which something later can depend. A fact that is only asked for by the branches of the steps
    that record it is decided there and then."""
    later: set[str] = set()
    for step in definition.steps.values():
        later |= step.when.variables() if step.when is not None else set()
        for branch in step.to:
            later |= branch.when.variables() - set(step.records) if branch.when is not None else set()
    for invariant in definition.invariants.values():
        later |= invariant.never.variables()
    return later & set(definition.facts)


def counts_referrals(definition: Definition) -> bool:
    """Whether some condition can tell two equal referrals from one. Asking whether there is any, or one of a kind, or
    whether all are, cannot."""
    return any(REFERRALS in guard.variables() and not _only_whether(guard.text) for guard in guards(definition))


def kind_classes(definition: Definition) -> dict[str, str]:
    """Kind of referral -> the kind that stands for it: the first with the same consents and stages that no condition
    tells from it."""
    texts = [guard.text for guard in guards(definition)]
    sets = [values for text in texts for values in _literal_sets(text)]
    beside = {value for text in texts for value in _strings(_COMPARED.sub("", text))}
    chosen: dict[object, str] = {}
    classes = {}
    for kind in definition.referrals.values():
        alone = kind.name if kind.name in beside else ""
        signature = (kind.consents, kind.stages, alone, tuple(kind.name in values for values in sets))
        classes[kind.name] = chosen.setdefault(signature, kind.name)
    return classes


def _first_of_each(definition: Definition, fact: str, values: Iterable[str]) -> tuple[str, ...]:
    memberships: dict[str, list[bool]] = {value: [] for value in values}
    for guard in guards(definition):
        if fact not in guard.variables():
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
