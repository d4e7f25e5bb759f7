"""A child is found by a name with one error in it, and the hashes by which it is found tell little."""

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from shared.names import OneMoreFact, Person, SearchKey, blocks_to_find, blocks_to_keep, rank
from shared.names.blocks import _hashed, _kept
from shared.vault.finder import LEAST_SHARED, MOST_OPENED
from tests.support.named_people import people, questions

KEY = SearchKey("one", b"1" * 32)
OTHER = SearchKey("two", b"2" * 32)


def test_recall_in_the_top_five_is_at_least_97_of_100() -> None:
    persons = people(5_000)
    index: dict[bytes, list[str]] = defaultdict(list)
    for each, person in persons.items():
        for block in blocks_to_keep(person, KEY):
            index[block].append(each)
    asked, found = Counter[str](), Counter[str]()
    for kind, wanted, right in questions(persons, 1_600):
        shared = Counter(each for block in blocks_to_find(wanted, KEY) for each in index[block])
        nearest = max(shared.values(), default=0)
        near = [each for each in shared if shared[each] >= LEAST_SHARED * nearest]
        opened = sorted(near, key=lambda each: (-shared[each], each))[:MOST_OPENED]
        best = [each for each, _ in rank(wanted, {each: persons[each] for each in opened})[:5]]
        asked[kind] += 1
        found[kind] += right in best
    by_kind = {kind: round(found[kind] / asked[kind], 3) for kind in asked}
    assert found.total() / asked.total() >= 0.97, by_kind


def test_a_single_name_is_found_by_an_age_a_year_off_and_without_a_place() -> None:
    """As often as with the place (94 of 100; ages differ by one). Seen to fail with the year asked alone."""
    persons = {each: person for each, person in people(5_000).items() if len(person.name.split()) == 1}
    index: dict[bytes, list[str]] = defaultdict(list)
    for each, person in persons.items():
        for block in blocks_to_keep(person, KEY):
            index[block].append(each)
    asked = found = 0
    for _, wanted, right in questions(persons, 800):
        if wanted.age_years is None or len(wanted.name.split()) > 1:
            continue
        by_age = Person(wanted.name, wanted.age_years)
        near = {each for block in blocks_to_find(by_age, KEY) for each in index[block]}
        best = [each for each, _ in rank(by_age, {each: persons[each] for each in near})[:5]]
        asked, found = asked + 1, found + (right in best)
    assert asked > 500 and found / asked >= 0.92, found / asked


def test_one_fact_alone_makes_no_block() -> None:
    assert blocks_to_keep(Person("Slamet"), KEY) == []
    assert blocks_to_keep(Person("", 12, "32.75.01", "Budi"), KEY) == []
    with pytest.raises(OneMoreFact):
        blocks_to_find(Person("Slamet"), KEY)
    assert blocks_to_find(Person("Slamet", kecamatan="32.75.01"), KEY)
    assert blocks_to_keep(Person("Slamet", 12), KEY), "a single name with an age"
    with pytest.raises(OneMoreFact):
        blocks_to_find(Person("S.", age_years=12), KEY)


def test_no_hash_of_another_key_meets() -> None:
    budi = Person("Budi Santoso", 12, "32.75.01", "Siti Aminah")
    assert not set(blocks_to_keep(budi, KEY)) & set(blocks_to_find(budi, OTHER))
    assert set(blocks_to_keep(budi, KEY)) <= set(blocks_to_find(budi, KEY))
    assert "1111" not in repr(KEY)


def test_how_often_a_hash_stands_tells_no_more_than_the_decision_says() -> None:
    """An attacker with all hashes and no key, who knows how common names are, pairs the two lists rank by rank.

    What he knows is drawn from the same city with another seed. The numbers stand in docs/decisions/0018.
    """
    held, known = people(5_000), people(5_000, seed=7)
    plain_of = {_hashed([text], KEY)[0]: text for person in held.values() for text in _kept(person)}
    seen = Counter(block for person in held.values() for block in blocks_to_keep(person, KEY))
    expected = Counter(text for person in known.values() for text in _kept(person))
    by_rank = zip(_by_frequency(seen), _by_frequency(expected), strict=False)
    told = sum(plain_of[block] == guess for block, guess in by_rank)
    by_age = Counter(text for person in held.values() for text in _kept(person) if text.startswith("a|"))
    numbers = re.search(
        r"shared by \*\*(\d+)\*\* of 5,000 persons, that of a single\s+name and an age by \*\*(\d+)\*\*; "
        r".*?\s+tell \*\*(\d+)\*\* of \*\*(\d+)\*\*",
        Path("docs/decisions/0018-search-by-name.md").read_text(),
        re.DOTALL,
    )
    assert numbers is not None
    assert (max(seen.values()), max(by_age.values()), told, len(seen)) == tuple(
        int(number) for number in numbers.groups()
    )


def _by_frequency(counted: Counter[Any]) -> list[Any]:
    return sorted(counted, key=lambda each: (-counted[each], each))
