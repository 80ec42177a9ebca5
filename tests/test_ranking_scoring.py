"""Matching and ranking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import paper, places_of
from digestmail.model import Evidence, Field, Gate, Keyword, Paper, Profile, Ranking
from digestmail.ranking import Index, choose
from digestmail.ranking.profile import parse_keywords


def rank(papers: list[Paper], *keywords: str, exclude: frozenset[str] = frozenset()) -> Ranking:
    profile = parse_keywords(keywords)
    return Index(papers).ranking(profile, exclude)


def titles(ranking: Ranking) -> list[str]:
    return [ranked.paper.title for ranked in ranking.papers]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RAG", "storage coverage of fragments"),
        ("RAG", "a rag doll"),
        ("edge", "knowledge"),
        ("art", "state of the artifact"),
        ("mixture of experts", "a mixture of several experts"),
        ("mixture of experts", "mixture of"),
        ('"model"', "models"),
        ("title:proof", "a proof"),
    ],
)
def test_a_keyword_matches_words_never_parts_of_words(keyword: str, text: str) -> None:
    assert not rank([paper("Something", abstract=text)], keyword).papers


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RAG", "We build RAGs."),
        ("MoE", "an MoE-based model"),
        ("mixture of experts", "Mixture-of-Experts"),
        ("language model", "Large Language Models"),
        ("diffusion models", "a diffusion model"),
        ('"mixture of experts"', "MIXTURE OF EXPERTS"),
        ('"models"', "Models"),
        ("naive bayes", "Naïve Bayes"),
        ("GPT-4", "we ask GPT-4"),
    ],
)
def test_case_hyphens_plurals_and_accents_fold(keyword: str, text: str) -> None:
    assert rank([paper("Something", abstract=text)], keyword).papers


def test_a_word_in_the_title_counts_more_than_in_the_abstract() -> None:
    in_title, in_abstract = paper("Quantization of all", abstract="x"), paper("Other", abstract="quantization " * 3)
    assert titles(rank([in_abstract, in_title], "quantization")) == ["Quantization of all", "Other"]


def test_weights_decide_between_keywords() -> None:
    found = [paper("About attention"), paper("About pruning")]
    assert titles(rank(found, "attention", "pruning^2")) == ["About pruning", "About attention"]
    assert titles(rank(found, "attention^2", "pruning")) == ["About attention", "About pruning"]


def test_a_negative_keyword_excludes_and_is_counted() -> None:
    ranking = rank(
        [paper("Attention"), paper("A Survey of Attention"), paper("Surveys of Birds")], "attention", "-survey"
    )
    assert titles(ranking) == ["Attention"]
    assert ranking.excluded == 1


def test_a_field_keyword_looks_only_there() -> None:
    papers = [paper("Proofs by machine"), paper("Other", abstract="a proof")]
    assert titles(rank(papers, "title:proof")) == ["Proofs by machine"]
    assert titles(rank(papers, "abstract:proof")) == ["Other"]


@pytest.mark.parametrize("asked", ["author:Tri Dao", "author:dao", 'au:"tri dao"'])
def test_a_followed_author_is_found_whatever_the_case(asked: str) -> None:
    ranking = rank([paper("A", authors=("Albert Gu", "Tri Dao")), paper("B", authors=("Dan Fu",))], asked)
    assert titles(ranking) == ["A"]
    assert ranking.papers[0].matches[0].places[0].text == "Tri Dao"


def test_an_author_is_not_looked_for_in_the_abstract() -> None:
    assert not rank([paper("A", abstract="as Tri Dao shows")], "author:Tri Dao").papers


def test_a_category_matches_itself_and_its_archive() -> None:
    papers = [paper("A", categories=("cs.LG", "cs.CL")), paper("B", categories=("math.OC",))]
    for asked in ("cat:cs.LG", "cat:cs.lg", "cat:cs", "cat:cs.*"):
        assert titles(rank(papers, asked)) == ["A"]
    assert not rank(papers, "cat:cs.CV").papers


def test_upvotes_break_ties_then_recency_and_never_admit() -> None:
    from datetime import date

    papers = [
        paper("Attention one", upvotes=1),
        paper("Attention two", upvotes=9),
        paper("Attention three", upvotes=1, published=date(2026, 6, 1)),
        paper("Loud", upvotes=1000),
    ]
    assert titles(rank(papers, "attention")) == ["Attention two", "Attention three", "Attention one"]


def test_without_keywords_the_day_comes_by_upvotes() -> None:
    papers = [paper("A", upvotes=1), paper("B", upvotes=5), paper("C")]
    assert titles(rank(papers)) == ["B", "A", "C"]
    assert titles(rank(papers, "-b")) == ["A", "C"]


def test_excluded_keys_are_not_ranked() -> None:
    sent, fresh = paper("Attention one"), paper("Attention two")
    assert titles(rank([sent, fresh], "attention", exclude=frozenset({sent.key}))) == ["Attention two"]


def test_matches_say_where_and_how_often_and_add_up_to_the_score() -> None:
    found = paper("Sparse attention", abstract="Attention, and again attentions.")
    [ranked] = rank([found], "attention").papers
    [match] = ranked.matches
    title, abstract = match.places
    assert (title.field, title.text, title.count) == (Field.TITLE, "attention", 1)
    assert (abstract.field, abstract.text, abstract.count) == (Field.ABSTRACT, "Attention", 2)
    assert [found.abstract[start:end] for start, end in abstract.spans] == ["Attention", "attentions"]
    assert match.points == pytest.approx(ranked.score)
    assert title.share + abstract.share == pytest.approx(1)


def test_keywords_that_ask_for_the_same_words_are_one_reason() -> None:
    found = paper("Sparse attention", abstract="Attention, and again attentions.")
    [twice] = rank([found], "attention", "title:attention^2").papers
    [match] = twice.matches
    assert [place.field for place in match.places] == [Field.TITLE, Field.ABSTRACT]
    assert match.points == pytest.approx(twice.score)
    assert sum(place.share for place in match.places) == pytest.approx(1)


def test_repeating_a_word_five_hundred_times_is_worth_less_than_three_mentions_more() -> None:
    stuffed, modest = paper("Other", abstract="attention " * 500), paper("Modest", abstract="attention " * 3)
    first, second = rank([stuffed, modest, paper("A"), paper("B")], "attention").papers
    assert first.relevance < 2 * second.relevance


def test_one_index_serves_many_profiles_as_if_each_were_alone() -> None:
    papers = [paper("Attention in proofs"), paper("Pruning"), paper("Mixture of experts", abstract="no attention")]
    profiles = [parse_keywords([keyword]) for keyword in ("attention", "pruning", "mixture of experts", "proof^2")]
    together = Index(papers)
    together.learn(profiles)
    for profile in profiles:
        assert together.ranking(profile) == Index(papers).ranking(profile)


def test_an_explanation_names_negatives_too() -> None:
    profile = parse_keywords(["attention", "-survey"])
    surveyed = paper("A survey of attention")
    explanation = Index([surveyed]).explain(profile, surveyed.key)
    assert [match.keyword for match in explanation.matches] == ["attention"]
    assert [match.keyword for match in explanation.negatives] == ["survey"]


_WORD = st.sampled_from(["attention", "models", "model", "of", "experts", "expert", "RAG", "coverage", "x"])


@given(st.lists(_WORD, max_size=12), st.lists(_WORD, min_size=1, max_size=3))
def test_the_trie_finds_just_what_a_scan_of_all_places_finds(text: list[str], phrase: list[str]) -> None:
    from digestmail.text.analysis import fold_plural

    def same(written: str, asked: str) -> bool:
        return (
            written.removesuffix("s") == "RAG" if asked == "RAG" else fold_plural(written.lower()) == fold_plural(asked)
        )

    places = [
        start
        for start in range(len(text) - len(phrase) + 1)
        if all(same(text[start + offset], word) for offset, word in enumerate(phrase))
    ]
    one = paper("Nothing here", abstract=" ".join(text))
    matches = Index([one]).explain(parse_keywords([" ".join(phrase)]), one.key).matches
    assert sum(place.count for place in places_of(matches) if place.evidence is Evidence.EXACT) == len(places)


@given(st.permutations([paper(f"Attention {number}", upvotes=number % 2) for number in range(6)]))
def test_the_order_of_the_papers_does_not_matter(papers: list[Paper]) -> None:
    expected = rank(sorted(papers, key=lambda one: one.title), "attention")
    assert titles(rank(papers, "attention")) == titles(expected)


def above_and_below(profile: Profile, *found: Paper) -> tuple[list[str], int]:
    ranking = Index(found).ranking(profile)
    return titles(ranking), ranking.below_gate


def test_one_mention_passes_the_normal_gate_even_in_a_very_long_abstract() -> None:
    long = paper("Other", abstract="word " * 900 + "quantization")
    assert titles(rank([long, paper("A"), paper("B")], "quantization", "never seen^9")) == ["Other"]


def test_words_alone_do_not_pass_the_normal_gate_and_are_counted() -> None:
    shown, below = above_and_below(
        parse_keywords(["mixture of experts"]), paper("A", abstract="ask experts"), paper("B")
    )
    assert (shown, below) == ([], 1)


def test_a_quoted_phrase_has_no_back_off() -> None:
    one = paper("A", abstract="a mixture of several experts")
    assert not Index([one]).explain(parse_keywords(['"mixture of experts"']), one.key).matches
    [near] = places_of(Index([one]).explain(parse_keywords(["mixture of experts"]), one.key).matches)
    assert (near.evidence, near.text) == (Evidence.NEAR, "mixture of several experts")


def test_a_strict_gate_shows_no_more_than_a_normal_and_a_normal_no_more_than_a_wide_one() -> None:
    found = [paper(f"Paper {count}", abstract="pruning " * count + "and other things " * 9) for count in range(6)]
    shown = [
        len(Index(found).rank(Profile((Keyword("pruning"),), gate))) for gate in (Gate.STRICT, Gate.NORMAL, Gate.WIDE)
    ]
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]


def test_a_followed_author_passes_the_strictest_gate_and_a_category_only_without_other_keywords() -> None:
    found = paper("A", authors=("Tri Dao",), categories=("cs.LG",))
    author, category, words = (
        Keyword("Tri Dao", field=Field.AUTHOR),
        Keyword("cs.LG", field=Field.CATEGORY),
        Keyword("x y"),
    )
    assert Index([found]).rank(Profile((author, words), Gate.STRICT))
    assert Index([found]).rank(Profile((category,), Gate.STRICT))
    assert not Index([found]).rank(Profile((category, words)))


def test_upvotes_raise_a_score_by_a_fifth_at_most() -> None:
    quiet, loud = paper("Attention one"), paper("Attention two", upvotes=100_000)
    first, second = rank([quiet, loud], "attention").papers
    assert first.score == pytest.approx(1.2 * second.score)
    assert first.relevance == second.relevance


def test_no_keyword_brings_more_than_half_while_others_wait() -> None:
    found = [paper(f"Attention {number}", upvotes=9) for number in range(8)] + [
        paper(f"Pruning {number}") for number in range(8)
    ]
    ranking = rank(found, "attention^5", "pruning")
    shown = [one.paper.title.split()[0] for one in choose(ranking, 6)]
    assert shown == ["Attention"] * 3 + ["Pruning"] * 3


def test_one_keyword_fills_an_issue_when_nothing_else_waits() -> None:
    assert len(choose(rank([paper(f"Attention {number}") for number in range(8)], "attention"), 6)) == 6


def test_every_topic_with_a_paper_is_present() -> None:
    keywords = (
        Keyword("attention", 5.0, topic="models"),
        Keyword("scheduling", 5.0, topic="models"),
        Keyword("birds", topic="life"),
    )
    found = [paper(f"Attention and scheduling {number}") for number in range(8)] + [
        paper("Other", abstract="Of birds.")
    ]
    index = Index(found)
    shown = choose(index.ranking(Profile(keywords)), 4)
    assert [one.topic for one in shown] == ["models", "models", "models", "life"]
    assert index.best(Profile(keywords), 4) == shown


LIKED = paper("Routing tokens to experts", abstract="Sparse expert routing with balanced gating networks.")
ALIKE = paper("Balanced gating", abstract="We study sparse expert routing and gating networks.")
UNLIKE = paper("Birds of the north", abstract="Migration in spring.")


def test_likes_alone_bring_papers_and_say_which_paper_they_are_like() -> None:
    [ranked] = Index([ALIKE, UNLIKE, *(paper(f"Filler {n}") for n in range(9))]).rank(Profile(liked=(LIKED,)))
    [match] = ranked.matches
    assert (ranked.paper, match.places[0].evidence) == (ALIKE, Evidence.LIKE)
    assert match.keyword == "papers like «Routing tokens to experts»"


def test_dislikes_take_points_away() -> None:
    wanted = Profile((Keyword("routing"),))
    index = Index([ALIKE, UNLIKE])
    liked, disliked = (index.explain(one, ALIKE.key) for one in (wanted, Profile(wanted.keywords, disliked=(LIKED,))))
    assert disliked.relevance < liked.relevance
    assert min(disliked.matches, key=lambda match: match.points).places[0].evidence is Evidence.DISLIKE


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        (a, b)
        for a in ("multi-modal", "multimodal", "multi modal")
        for b in ("multi-modal", "multimodal", "multi modal")
    ],
)
def test_hyphenated_joined_and_separate_forms_find_one_another(asked: str, written: str) -> None:
    assert titles(rank([paper(f"A {written} model")], asked)) == [f"A {written} model"]


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("语言模型", "我们提出大语言模型方法"),
        ("機械学習", "新しい機械学習の手法"),
        ("schrodinger", 'Schr\\"odinger bridges'),
        ("k-means", "Fast $k$-means"),
    ],
)
def test_keywords_are_found_in_scripts_without_spaces_and_through_tex(asked: str, written: str) -> None:
    assert rank([paper(written)], asked).papers


def test_the_words_that_match_are_the_words_of_the_paper() -> None:
    one = paper('On Schr\\"odinger bridges')
    [match] = Index([one]).explain(parse_keywords(["schrodinger bridge"]), one.key).matches
    assert match.places[0].text == 'Schr\\"odinger bridges'


def test_what_is_barred_stays_out_even_when_every_paper_holds_the_keyword() -> None:
    everyone = [paper(f"Quantization {number}", key=f"arxiv:2606.{number:05}") for number in range(200)]
    barred = {one.key for one in everyone[:150]}
    ranking = Index(everyone).ranking(parse_keywords(["quantization"]), barred)
    assert {ranked.paper.key for ranked in ranking.papers} == {one.key for one in everyone[150:]}


def test_a_keyword_that_nearly_every_paper_holds_lets_no_other_paper_in() -> None:
    everyone = [paper(f"Quantization {number}", key=f"arxiv:2606.{number:05}") for number in range(999)]
    ranking = Index([*everyone, paper("Birds", key="arxiv:2606.99999")]).ranking(parse_keywords(["quantization"]))
    assert "arxiv:2606.99999" not in {ranked.paper.key for ranked in ranking.papers}
