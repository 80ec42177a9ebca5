"""The keyword syntax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.errors import ProfileError
from digestmail.model import Field, Keyword, Profile
from digestmail.ranking.profile import format_keyword, parse_keyword, parse_keywords, split_keywords
from digestmail.text.analysis import tokens
from digestmail.text.clean import clean_line


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("quantization", Keyword("quantization")),
        ("mixture of experts", Keyword("mixture of experts")),
        ('"mixture of experts"^3', Keyword("mixture of experts", 3.0, exact=True)),
        ("attention^0.5", Keyword("attention", 0.5)),
        ("-survey", Keyword("survey", negative=True)),
        ('-title:"position paper"', Keyword("position paper", field=Field.TITLE, negative=True, exact=True)),
        ("title:benchmark^2", Keyword("benchmark", 2.0, Field.TITLE)),
        ("ti:benchmark", Keyword("benchmark", field=Field.TITLE)),
        ("abs:proof", Keyword("proof", field=Field.ABSTRACT)),
        ("author:Tri Dao", Keyword("Tri Dao", field=Field.AUTHOR)),
        ("cat:cs.LG", Keyword("cs.LG", field=Field.CATEGORY)),
        ("category:cs.*", Keyword("cs.*", field=Field.CATEGORY)),
        ("  “curly quotes” ^ 2 ", Keyword("curly quotes", 2.0, exact=True)),
        ('"AND, OR* as they are"', Keyword("AND, OR* as they are", exact=True)),
        ("C++", Keyword("C++")),
        ("大模型", Keyword("大模型")),
        ("[systems] quantization^2", Keyword("quantization", 2.0, topic="systems")),
        (" [ Large  models ]title:MoE", Keyword("MoE", field=Field.TITLE, topic="Large models")),
        ('[NLP] "[MASK] token"', Keyword("[MASK] token", exact=True, topic="NLP")),
        ('"[MASK]"', Keyword("[MASK]", exact=True)),
    ],
)
def test_keywords_are_read(text: str, keyword: Keyword) -> None:
    assert parse_keyword(text) == keyword


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"mixture of', "unbalanced quote in '\"mixture of'"),
        ('mixture" of experts', "unbalanced quote"),
        ('"a" "b"', "unbalanced quote"),
        ("", "nothing to match in ''"),
        ('""', "nothing to match"),
        ("!!!", "nothing to match"),
        ("title:", "nothing to match"),
        ("^3", "nothing to match"),
        ("word^", "'' is not a weight"),
        ("word^many", "'many' is not a weight"),
        ("word^0", "out of range"),
        ("word^-1", "out of range"),
        ("word^1000", "out of range"),
        ("word^nan", "out of range"),
        ("-survey^2", "a negative keyword takes no weight"),
        ("auhtor:Tri Dao", "unknown field 'auhtor' in 'auhtor:Tri Dao': did you mean author:?"),
        ("venue:NeurIPS", "known are title:, abstract:, author: and category:"),
        ("attention, reasoning", "a comma"),
        ("transform*", "a wildcard"),
        ("LLM OR GPT", "a Boolean operator"),
        ("x" * 300, "300 characters are too long"),
        ("[systems quantization", "unbalanced bracket in '[systems quantization': a topic is written [systems] quant"),
        ("systems] quantization", "a bracket in 'systems] quantization'"),
        ("[systems] [theory] proof", "one topic may stand first"),
        ("-[systems] survey", "one topic may stand first"),
        ("[] proof", "a topic needs a name with a letter or a digit, got ''"),
        ("[--] proof", "a topic needs a name with a letter or a digit, got '--'"),
        (f"[{'x' * 41}] proof", "41 characters are too long for a topic"),
        ("[systems; theory] proof", "the topic 'systems; theory' holds ';'"),
        ("[systems]", "nothing to match in '[systems]'"),
        ("[systems] -survey", "a negative keyword takes no topic in '[systems] -survey'"),
    ],
)
def test_a_bad_keyword_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_keyword(text)
    assert why in str(caught.value)


def test_a_bad_keyword_in_a_list_is_named_by_its_place() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_keywords(["fine", "also fine", '"mixture of'])
    assert str(caught.value) == "keywords[2]: unbalanced quote in '\"mixture of'"


def test_a_keyword_that_stands_twice_counts_once_as_written_last() -> None:
    assert parse_keywords(["LoRA", "lora^2", "-lora"]) == Profile(
        (Keyword("lora", 2.0), Keyword("lora", negative=True))
    )


def test_a_keyword_in_two_topics_is_refused_and_named() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_keywords(["[systems] LoRA", "[theory] lora^2"])
    assert (
        str(caught.value) == "keywords[1]: 'lora' stands in 'systems' and in 'theory': a keyword belongs to one topic"
    )
    with pytest.raises(ProfileError, match="stands without a topic and in 'theory'"):
        parse_keywords(["LoRA", "[theory] lora"])


def test_a_topic_is_spelled_as_it_was_first() -> None:
    profile = parse_keywords(["[Systems] LoRA", "[systems] pruning", "[SYSTEMS] lora^2"])
    assert [(keyword.phrase, keyword.topic) for keyword in profile.keywords] == [
        ("lora", "Systems"),
        ("pruning", "Systems"),
    ]


def test_a_profile_cannot_grow_without_bound() -> None:
    with pytest.raises(ProfileError, match="501 keywords are too many"):
        parse_keywords([f"word{number}" for number in range(501)])


def test_lists_split_at_commas_semicolons_and_lines_outside_quotes() -> None:
    assert split_keywords(['transformers, "a, b; c"^2;-survey\nRAG', " "]) == [
        "transformers",
        '"a, b; c"^2',
        "-survey",
        "RAG",
    ]


_WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8).filter(
    lambda word: word not in ("AND", "OR", "NOT")
)


@given(
    st.lists(_WORDS, min_size=1, max_size=4),
    st.floats(min_value=0.001, max_value=100),
    st.sampled_from(Field),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "systems", "Large models", "自然言語"]),
)
def test_what_is_written_is_read_back(
    words: list[str], weight: float, field: Field, negative: bool, exact: bool, topic: str
) -> None:
    phrase = parse_keyword(f'"{" ".join(words)}"').phrase
    keyword = Keyword(phrase, 1.0 if negative else weight, field, negative, exact, "" if negative else topic)
    assert parse_keyword(format_keyword(keyword)) == keyword
    assert split_keywords([f"{format_keyword(keyword)}; more"]) == [format_keyword(keyword), "more"]


@pytest.mark.parametrize(
    "phrase", ["N:M sparsity", "title:page", "x^2", "-1", "[MASK] token", "A, B", "NOT gate", "k*"]
)
def test_a_phrase_that_would_read_as_other_syntax_is_written_in_quotes(phrase: str) -> None:
    written = format_keyword(Keyword(phrase, 2.0))
    assert written == f'"{phrase}"^2'
    assert parse_keyword(written) == Keyword(phrase, 2.0, exact=True)


@given(st.text("aNAD1é:^-[]*, ", min_size=1, max_size=12).map(clean_line).filter(tokens), st.sampled_from(Field))
def test_whatever_a_phrase_holds_it_is_read_back(phrase: str, field: Field) -> None:
    read = parse_keyword(format_keyword(Keyword(phrase, field=field)))
    assert (read.phrase, read.field, read.weight, read.negative) == (phrase, field, 1.0, False)
    assert format_keyword(read) == format_keyword(Keyword(phrase, field=field))


def test_the_longest_keyword_is_read_back() -> None:
    keyword = parse_keyword(f'[{"t" * 40}] au:"{"x" * 200}"^0.123456789')
    assert parse_keyword(format_keyword(keyword)) == keyword


@given(st.text(max_size=60) | st.text('[]-"^:,; aé1', max_size=20))
def test_any_text_is_a_keyword_or_a_clear_error(text: str) -> None:
    try:
        keyword = parse_keyword(text)
    except ProfileError:
        return
    assert parse_keyword(format_keyword(keyword)) == keyword
