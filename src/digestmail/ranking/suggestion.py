"""Which phrases tell some papers from the rest: keywords that their reader could use. Pure."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from digestmail.model import Paper
from digestmail.text.analysis import STOP_WORDS, fold_plural, tokens

LONGEST = 3  # words; longer phrases are rarely written the same way twice
# "mixture of experts", "text to image"; other stop words divide phrases
_DIVIDING = STOP_WORDS - {"of", "in", "to", "and"}
# what may stand between the words of one phrase
_TIES = (" ", "-", "\u2010", "\u2011")
# a phrase says no more than one inside it, when it stands in at least this share of its papers
_SAME_PHRASE = 0.75
_MANY = 3  # papers from which on one paper's habits can be told from a shared interest
# the phrases that are looked up in the whole corpus
_POOL = 400
# a phrase in more than this share of all papers tells nothing
_COMMON = 0.05
_FEW = 5
_WORD = re.compile(r"[^\W_]+")
_fold = lru_cache(maxsize=1 << 17)(fold_plural)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A phrase that stands in the chosen papers more often than elsewhere."""

    #: as papers write it most often
    phrase: str
    #: how many of the chosen papers, and of the others, hold it
    chosen: int
    others: int
    #: Dunning's G², raised by how often the chosen papers repeat it; comparable within one list only
    score: float


@dataclass(slots=True)
class _Candidate:
    spellings: Counter[str] = field(default_factory=Counter)
    #: its words, folded and with a space before, between and after: one for each way to divide it
    streams: set[str] = field(default_factory=set)
    papers: set[int] = field(default_factory=set)
    count: int = 0

    @property
    def phrase(self) -> str:
        return self.spellings.most_common(1)[0][0]

    def holds(self, other: "_Candidate") -> bool:
        return any(inner in outer for inner in other.streams for outer in self.streams)


def suggest(chosen: Sequence[Paper], others: Sequence[Paper], *, limit: int) -> list[Suggestion]:
    """Up to ``limit`` phrases of one to three words of ``chosen``, the most telling first.

    A phrase is ranked by Dunning's log-likelihood ratio G² of the papers that hold it here and elsewhere (Dunning 1993,
    "Accurate Methods for the Statistics of Surprise and Coincidence"), times ``1 + ln(occurrences)``. It must stand in
    two of the chosen papers, or twice in one when there are less than three, and in another paper: what nobody else
    writes brings nothing. Spellings with hyphen, space or neither count as one.
    """
    candidates = _candidates(chosen)
    ranked = []
    for candidate, count in zip(candidates, _document_counts(candidates, others), strict=True):
        if 0 < count <= max(_COMMON * len(others), _FEW):
            g2 = _g2(len(candidate.papers), len(chosen), count, len(others))
            score = g2 * (1 + math.log(candidate.count))
            ranked.append((Suggestion(candidate.phrase, len(candidate.papers), count, score), candidate))
    ranked.sort(key=lambda pair: (-pair[0].score, -len(pair[0].phrase), pair[0].phrase))
    picked: list[tuple[Suggestion, _Candidate]] = []
    for suggestion, candidate in ranked:
        if suggestion.score <= 0 or len(picked) == limit:
            break
        if not any(_repeats(candidate, other) for _, other in picked):
            picked.append((suggestion, candidate))
    return [suggestion for suggestion, _ in picked]


def phrases_of(text: str, *, longest: int = LONGEST) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every run of one to ``longest`` words that no punctuation divides and no stop word begins or ends.

    As (folded words, words as written).
    """
    words = tokens(text)
    for first, token in enumerate(words):
        if token.term in STOP_WORDS:
            continue
        for last in range(first, min(first + longest, len(words))):
            if last > first and text[words[last - 1].end : words[last].start] not in _TIES:
                break
            if words[last].term in _DIVIDING:
                break
            if _is_end(words[last].term):
                yield tuple(word.term for word in words[first : last + 1]), text[token.start : words[last].end]


def word_stream(paper: Paper) -> str:
    """The folded words of title and abstract with a space before, between and after, so that ``in`` finds phrases.

    Five times as fast as tokens, and without their care for accents and TeX: for counting, not for matching.
    """
    return " ".join(("", *map(_fold, _WORD.findall(f"{paper.title} {paper.abstract}".lower())), ""))


def _is_end(term: str) -> bool:
    # "4-bit" may begin with a number, and nothing ends with one or with a single letter
    return term not in STOP_WORDS and not term.isdigit() and len(term) > 1


def _candidates(chosen: Sequence[Paper]) -> list[_Candidate]:
    found: dict[str, _Candidate] = defaultdict(_Candidate)
    for place, paper in enumerate(chosen):
        for text in (paper.title, paper.abstract):
            for words, written in phrases_of(text):
                candidate = found["".join(words)]
                candidate.spellings[written if _is_name(written) else written.casefold()] += 1
                candidate.streams.add(f" {' '.join(words)} ")
                candidate.papers.add(place)
                candidate.count += 1
    shared = [one for one in found.values() if len(one.papers) > 1 or (len(chosen) < _MANY and one.count > 1)]
    return sorted(shared, key=lambda one: (-len(one.papers), -one.count, min(one.streams)))[:_POOL]


def _is_name(written: str) -> bool:
    # acronyms stay as they are: in lower case they would also match words
    return any(token.acronym for token in tokens(written))


def _document_counts(candidates: Sequence[_Candidate], papers: Iterable[Paper]) -> list[int]:
    counts = [0] * len(candidates)
    for paper in papers:
        text = word_stream(paper)
        for place, candidate in enumerate(candidates):
            counts[place] += any(stream in text for stream in candidate.streams)
    return counts


def _repeats(one: _Candidate, other: _Candidate) -> bool:
    """Whether one phrase is part of the other and stands in nearly the same chosen papers."""
    if not (one.holds(other) or other.holds(one)):
        return False
    return len(one.papers & other.papers) >= _SAME_PHRASE * max(len(one.papers), len(other.papers))


def _g2(here: int, all_here: int, there: int, all_there: int) -> float:
    """Dunning's G² of a 2×2 table; negative when the phrase is rarer here than there."""
    rate = (here + there) / (all_here + all_there)
    parts = (
        (here, all_here * rate),
        (all_here - here, all_here * (1 - rate)),
        (there, all_there * rate),
        (all_there - there, all_there * (1 - rate)),
    )
    g2 = 2 * sum(seen * math.log(seen / expected) for seen, expected in parts if seen and expected)
    return g2 if here * all_there > there * all_here else -g2
