"""Two spellings of one name have one skeleton; titles, initials and odd input do no harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.names import skeletons
from shared.names.skeleton import skeleton

SAME = [
    ("Tjokro", "Cokro"), ("Djoko", "Joko"), ("Jusuf", "Yusuf"), ("Achmad", "Ahmad"), ("Mochamad", "Muhammad"),
    ("Moh.", "Muh."), ("M.", "Muhammad"), ("Chusnul", "Khusnul"), ("Widjaja", "Wijaya"), ("Zaenal", "Jaenal"),
    ("Fitri", "Pitri"), ("Choirul", "Khoirul"), ("Soekarno", "Sukarno"), ("Sjarif", "Syarif"), ("Njoman", "Nyoman"),
    ("Fatimah", "Fatima"), ("Annisa", "Anisa"), ("Ma'ruf", "Maruf"), ("H. Budi bin Slamet", "Budi Slamet"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_meet(one: str, other: str) -> None:
    assert skeletons(one) == skeletons(other) != []


@pytest.mark.parametrize(("one", "other"), [("Budi", "Siti"), ("Rahman", "Rahmat"), ("Dewi", "Desi")])
def test_other_names_stay_apart(one: str, other: str) -> None:
    assert skeletons(one) != skeletons(other)


def test_order_is_kept_initials_have_none_and_a_title_alone_is_the_name() -> None:
    assert skeletons("Budi S. Santoso") == [skeleton("budi"), skeleton("santoso")]
    assert skeletons("Haji") != []
    assert skeletons("") == skeletons(" .-'") == []


@given(st.text())
def test_any_text_has_skeletons_without_vowels_but_the_first(name: str) -> None:
    for found in skeletons(name):
        assert found.isascii() and found.isalpha() and not set(found[1:]) & set("aeiou")


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1))
def test_a_skeleton_of_a_skeleton_is_itself(token: str) -> None:
    assert skeleton(skeleton(token)) == skeleton(token)
