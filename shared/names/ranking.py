"""The order of opened candidates: how alike the names are, then age, place and guardian.

The likeness of two words comes from rapidfuzz, behind `closeness` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz.fuzz import ratio

from shared.names.blocks import Person
from shared.names.skeleton import skeleton, tokens


def closeness(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: each part of the shorter name with its best part of the longer, any order."""
    shorter, longer = sorted((tokens(one), tokens(other)), key=len)
    if not shorter:
        return 0.0
    left, total = list(longer), 0.0
    for token in sorted(shorter, key=len, reverse=True):
        likeness, best = max((_alike(token, each), each) for each in left)
        left.remove(best)
        total += likeness
    return total / (len(shorter) + 0.25 * len(left))


def rank(wanted: Person, candidates: Mapping[str, Person]) -> list[tuple[str, float]]:
    """The ids of `candidates` with their points, best first; equal points by id, so that an order stands."""
    points = {each: _points(wanted, candidate) for each, candidate in candidates.items()}
    return sorted(points.items(), key=lambda entry: (-entry[1], entry[0]))


def _alike(one: str, other: str) -> float:
    if len(one) == 1 or len(other) == 1:
        return 0.7 if one[0] == other[0] else 0.0
    return (ratio(one, other) + ratio(skeleton(one), skeleton(other))) / 200


def _points(wanted: Person, found: Person) -> float:
    points = closeness(wanted.name, found.name)
    if wanted.age_years is not None and found.age_years is not None:
        points += max(0.0, 0.15 - 0.05 * abs(wanted.age_years - found.age_years))
    if wanted.kecamatan and wanted.kecamatan == found.kecamatan:
        points += 0.15
    if wanted.guardian_name and found.guardian_name:
        points += 0.3 * closeness(wanted.guardian_name, found.guardian_name)
    return points
