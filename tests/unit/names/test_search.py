"""A child is found by a name with one error in it, and the hashes by which it is found tell little."""

from collections import Counter, defaultdict

import pytest

from shared.names import OneMoreFact, Person, SearchKey, blocks_to_find, blocks_to_keep, rank
from tests.support.named_people import people, questions

KEY = SearchKey("one", b"1" * 32)
OTHER = SearchKey("two", b"2" * 32)
OPENED_AT_MOST = 50


def test_recall_in_the_top_five_is_at_least_97_of_100() -> None:
    persons = people(5_000)
    index: dict[bytes, list[str]] = defaultdict(list)
    for each, person in persons.items():
        for block in blocks_to_keep(person, KEY):
            index[block].append(each)
    asked, found = Counter[str](), Counter[str]()
    for kind, wanted, right in questions(persons, 1_600):
        shared = Counter(each for block in blocks_to_find(wanted, KEY) for each in index[block])
        opened = sorted(shared, key=lambda each: (-shared[each], each))[:OPENED_AT_MOST]
        best = [each for each, _ in rank(wanted, {each: persons[each] for each in opened})[:5]]
        asked[kind] += 1
        found[kind] += right in best
    by_kind = {kind: round(found[kind] / asked[kind], 3) for kind in asked}
    assert found.total() / asked.total() >= 0.97, by_kind


def test_one_fact_alone_makes_no_block() -> None:
    assert blocks_to_keep(Person("Slamet"), KEY) == []
    assert blocks_to_keep(Person("", 12, "32.75.01", "Budi"), KEY) == []
    with pytest.raises(OneMoreFact):
        blocks_to_find(Person("Slamet", age_years=12), KEY)
    assert blocks_to_find(Person("Slamet", kecamatan="32.75.01"), KEY)


def test_no_hash_of_another_key_meets() -> None:
    budi = Person("Budi Santoso", 12, "32.75.01", "Siti Aminah")
    assert not set(blocks_to_keep(budi, KEY)) & set(blocks_to_find(budi, OTHER))
    assert set(blocks_to_keep(budi, KEY)) <= set(blocks_to_find(budi, KEY))
    assert "1111" not in repr(KEY)
