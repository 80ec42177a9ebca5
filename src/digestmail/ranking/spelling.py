"""What papers write that looks like a keyword which none of them holds. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from digestmail.model import Field, Keyword, Paper
from digestmail.ranking.occurrences import find_occurrences
from digestmail.ranking.suggestion import LONGEST, word_stream
from digestmail.text.analysis import STOP_WORDS, tokens

# percent of rapidfuzz's token_sort_ratio: "retreival" is 89 % "retrieval", "RLHF" is 75 % "RLVR"
_ALIKE = 80
_AS_GOOD = 12  # what is so many percent less like than the best is not what was meant
_SHOWN = 3
_BROKEN = re.compile(r"[^\w\s\-\u2010\u2011]")
_TWICE = 2  # what stands in one paper only is a slip or a name


@dataclass(frozen=True, slots=True)
class Said:
    """Words as papers write them, and in how many papers they stand."""

    text: str
    papers: int


def alike(keywords: Iterable[Keyword], papers: Sequence[Paper], *, limit: int = _SHOWN) -> dict[Keyword, list[Said]]:
    """For each keyword, what stands in at least two papers and looks like it, the likest first.

    Names for authors, terms for categories, else runs of words in title or abstract.
    """
    found: dict[Keyword, list[Said]] = {}
    texts: list[list[str]] = []
    vocabulary: Counter[str] = Counter()
    for keyword in keywords:
        if keyword.field is Field.AUTHOR:
            names = Counter(name for paper in papers for name in set(paper.authors))
            found[keyword] = _nearest(keyword.phrase, names, limit)
        elif keyword.field is Field.CATEGORY:
            terms = Counter(term for paper in papers for term in set(paper.categories))
            found[keyword] = _nearest(keyword.phrase, terms, limit)
        else:
            if not texts:
                texts = [word_stream(paper).split() for paper in papers]
                vocabulary.update(word for text in texts for word in set(text))
            words = [token.term for token in tokens(keyword.phrase)]
            near = _nearest(" ".join(words), _grams(words, texts, vocabulary), limit)
            found[keyword] = _as_written([Keyword(one.text, field=keyword.field) for one in near], papers)
    return found


def _nearest(text: str, counts: Counter[str], limit: int) -> list[Said]:
    known = [name for name, count in counts.items() if count >= _TWICE]
    found = process.extract(
        text, known, scorer=fuzz.token_sort_ratio, processor=str.casefold, score_cutoff=_ALIKE, limit=10 * limit
    )
    best = max((score for _, score, _ in found), default=0.0)
    # equally like: the more usual one
    near = sorted(
        (one for one in found if one[1] >= best - _AS_GOOD), key=lambda one: (-round(one[1]), -counts[one[0]], one[0])
    )
    return [Said(name, counts[name]) for name, _, _ in near[:limit]]


def _as_written(keywords: Sequence[Keyword], papers: Sequence[Paper]) -> list[Said]:
    said = []
    for found in find_occurrences(keywords, papers).values():
        ways = Counter(text for texts in found.values() for text in texts if not _BROKEN.search(text))
        if ways and len(found) >= _TWICE:
            said.append(Said(ways.most_common(1)[0][0], len(found)))
    return said


def _grams(words: Sequence[str], texts: Sequence[Sequence[str]], vocabulary: Counter[str]) -> Counter[str]:
    """In how many texts each word run stands that could be meant: about as long, with a word like the rarest one."""
    telling = [word for word in words if word not in STOP_WORDS] or list(words)
    meant = [{one.text for one in _nearest(word, vocabulary, _SHOWN)} for word in telling]
    meant = [alternatives for alternatives in meant if alternatives]
    if not meant:
        return Counter()
    rarest = min(meant, key=lambda alternatives: sum(vocabulary[word] for word in alternatives))
    lengths = range(max(1, len(words) - 1), min(max(LONGEST, len(words)), len(words) + 1) + 1)
    grams: Counter[str] = Counter()
    for text in texts:
        if not rarest.isdisjoint(text):
            grams.update(_runs(text, rarest, lengths))
    return grams


def _runs(text: Sequence[str], wanted: set[str], lengths: Iterable[int]) -> set[str]:
    found = set()
    for place, word in enumerate(text):
        if word in wanted:
            for length in lengths:
                for first in range(max(0, place - length + 1), min(place, len(text) - length) + 1):
                    run = text[first : first + length]
                    if not any(end in STOP_WORDS or end.isdigit() for end in (run[0], run[-1])):
                        found.add(" ".join(run))
    return found
