"""What sources have to make out: encodings, names of authors, days."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.sources.dates import month, published, some_day
from digestmail.sources.decoding import decode
from digestmail.sources.names import author_names, display_name

TODAY = date(2026, 7, 1)
UMLAUTS = "Schrödinger, Ångström – “naïve”"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_is_decoded_whatever_it_is_encoded_in(encoding: str) -> None:
    assert decode(f"<a>{UMLAUTS}</a>".encode(encoding)) == f"<a>{UMLAUTS}</a>"


def test_a_wrong_declaration_does_not_matter() -> None:
    for declared, real in (("utf-8", "cp1252"), ("iso-8859-1", "utf-8"), ("klingon", "utf-8"), ("zlib", "utf-8")):
        text = f'<?xml version="1.0" encoding="{declared}"?>{UMLAUTS}'
        assert decode(text.encode(real)) == text


@pytest.mark.parametrize("encoding", ["iso-2022-jp", "koi8-r", "shift_jis", "big5"])
def test_a_right_declaration_does(encoding: str) -> None:
    words = {"koi8-r": "Внимание", "big5": "注意力機制"}.get(encoding, "アテンション")
    text = f'<?xml version="1.0" encoding="{encoding}"?>{words}'
    assert decode(text.encode(encoding)) == text


def test_one_bad_byte_costs_one_character() -> None:
    assert decode("größer ".encode() * 5 + b"\xff end") == "größer " * 5 + "\ufffd end"


@given(st.binary(max_size=80) | st.binary(max_size=40).map(b'<?xml version="1.0" encoding="utf-7"?>'.__add__))
def test_any_bytes_are_decoded(content: bytes) -> None:
    assert isinstance(decode(content), str)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=2))
def test_utf_8_is_always_read_as_such(text: str) -> None:
    assert decode(text.encode()) == text


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Ada Lovelace", ["Ada Lovelace"]),
        ("Ada Lovelace, Alan Turing", ["Ada Lovelace", "Alan Turing"]),
        ("Ada Lovelace, Alan Turing and Grace Hopper", ["Ada Lovelace", "Alan Turing", "Grace Hopper"]),
        ("Ada Lovelace, Alan Turing, and Grace Hopper", ["Ada Lovelace", "Alan Turing", "Grace Hopper"]),
        ("Ada Lovelace & Alan Turing", ["Ada Lovelace", "Alan Turing"]),
        ("Lovelace, Ada", ["Ada Lovelace"]),
        ("Lovelace, Ada; Turing, Alan M.;", ["Ada Lovelace", "Alan M. Turing"]),
        ("Lovelace, Ada and Turing, Alan", ["Ada Lovelace", "Alan Turing"]),
        (" Smith, J., Müller, K.-H., Ng, A ", ["J. Smith", "K.-H. Müller", "A Ng"]),
        ("Smith, John, Doe, Jane", ["John Smith", "Jane Doe"]),
        ("J. Smith, K. Doe", ["J. Smith", "K. Doe"]),
        ("Ada Lovelace (London, UK), Alan Turing (Bletchley)", ["Ada Lovelace", "Alan Turing"]),
        ("Andrea Sand, Sandy Anders", ["Andrea Sand", "Sandy Anders"]),
        ("The ATLAS Collaboration", ["The ATLAS Collaboration"]),
        ("Ada Lovelace, Alan Turing, Ada Lovelace, , ", ["Ada Lovelace", "Alan Turing"]),
        ("Lovelace, Ada; and Turing, Alan", ["Ada Lovelace", "Alan Turing"]),
        ("", []),
        (" ,;  ", []),
    ],
)
def test_names_are_told_apart(written: str, names: list[str]) -> None:
    assert author_names(written) == tuple(names)


def test_a_name_is_turned_as_people_say_it() -> None:
    turned = [
        display_name(name)
        for name in ("Lovelace, Ada", "King, Jr., Martin", "King, Martin, Jr.", "Plato", "von Neumann, John")
    ]
    assert turned == ["Ada Lovelace", "Martin King Jr.", "Martin King Jr.", "Plato", "John von Neumann"]


@given(st.text(max_size=60) | st.lists(st.sampled_from(["Ada", ",", " and ", "J.", ";", "(", ")", " "])).map("".join))
def test_any_text_gives_clean_names(text: str) -> None:
    for name in author_names(text):
        assert name == " ".join(name.split())
        assert any(map(str.isalpha, name))


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-06-30", date(2026, 6, 30)),
        ("2026-6-30", date(2026, 6, 30)),
        ("2026/06/30/", date(2026, 6, 30)),
        ("2026.6.30", date(2026, 6, 30)),
        ("2026-06-30T23:30:00-04:00", date(2026, 7, 1)),
        ("Tue, 30 Jun 2026 23:30:00 -0400", date(2026, 7, 1)),
        ("30 June 2026", date(2026, 6, 30)),
        ("June 30th, 2026", date(2026, 6, 30)),
        ("Jun 2026", date(2026, 6, 1)),
        ("2026/06", date(2026, 6, 1)),
        ("2026", date(2026, 1, 1)),
        ("2026///", date(2026, 1, 1)),
        ("2026-02-31", None),
        ("2026-13-01", None),
        ("yesterday", None),
        ("1 May", None),
        ("", None),
        (None, None),
        (20260630, None),
    ],
)
def test_days_are_read_as_people_and_programs_write_them(written: object, day: date | None) -> None:
    assert some_day(written) == day


@pytest.mark.parametrize(
    "written", ["1970-01-01", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-12-01", "0001-01-01", "9999-1-1"]
)
def test_nothing_is_published_at_zero_or_in_the_future(written: str) -> None:
    assert published(written, TODAY) is None


def test_tomorrow_has_begun_in_the_east() -> None:
    assert published("2026-07-02", TODAY) == date(2026, 7, 2)
    assert published("2026-07-03", TODAY) is None


def test_unpadded_days_are_compared_as_days() -> None:
    assert published("2026-6-30", TODAY) < published("2026-07-01", TODAY)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("written", "number"), [("jun", 6), ("{June}", 6), ("06", 6), ("12", 12), ("13", None), ("", None)]
)
def test_months_have_numbers(written: str, number: int | None) -> None:
    assert month(written) == number


@given(st.text(max_size=40) | st.from_regex(r"\d{1,4}[-/ ]\w{1,5}[-/ ]\d{1,4}"))
def test_any_text_is_a_day_or_none(text: str) -> None:
    assert isinstance(some_day(text), date | None)
    month(text)
