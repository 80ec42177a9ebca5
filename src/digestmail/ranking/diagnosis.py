"""What each keyword of a profile does to a corpus, and what to write instead. Pure.

The usual disappointments have measurable causes: a keyword that no paper writes that way, one that fills the issue on
its own, two that find the same papers, a negative that takes the good ones too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum

from digestmail.model import Field, Keyword, Paper, Profile
from digestmail.ranking.occurrences import Occurrences, find_occurrences
from digestmail.ranking.profile import format_keyword
from digestmail.ranking.spelling import Said, alike

#: two keywords are one when their papers overlap this much (Jaccard)
SAME = 0.8
#: a negative is blunt when it takes more than this share of what the other keywords want
BLUNT = 0.25
#: fewer papers than these say nothing about overlaps and shares
ENOUGH = 5
_EXAMPLES = 3


class Verdict(StrEnum):
    """What to think of a keyword, in a word or two."""

    GOOD = "good"
    BROAD = "broad"
    NEVER = "never"
    DUPLICATE = "duplicate"
    BLUNT = "blunt negative"


@dataclass(frozen=True, slots=True)
class KeywordReport:
    """What one keyword does. Counts are papers, each once."""

    #: as people write it
    keyword: str
    verdict: Verdict
    #: papers that hold it as words
    papers: int
    per_week: float
    #: further papers that hold it only inside other words, which substring search would add; and those words
    inside: int
    inside_words: tuple[Said, ...]
    #: the ways in which papers write it
    spellings: tuple[Said, ...]
    #: for a keyword that never matches: what papers write that looks like it
    near: tuple[Said, ...] = ()
    #: another keyword that finds the same papers, or all of these and more
    same_as: str | None = None
    within: str | None = None
    #: of a negative: the share of the papers that the other keywords want which it keeps out, and titles of some
    share: float = 0.0
    kept_out: tuple[str, ...] = ()

    @property
    def noise(self) -> float:
        """The share of other words in what a substring search would find."""
        return self.inside / (self.inside + self.papers) if self.inside else 0.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the keywords of a profile do, in their order."""

    keywords: tuple[KeywordReport, ...]
    #: papers that were looked at, and those that hold a wanted keyword and no negative one
    papers: int
    wanted: int
    #: how many weeks the papers span, at least one
    weeks: float


def diagnose(profile: Profile, papers: Sequence[Paper], *, weeks: float, fills: float) -> Diagnosis:
    """What each keyword finds in ``papers``, which span ``weeks`` weeks.

    A keyword that brings more than ``fills`` papers a week swallows the issues: it is broad.
    """
    found = find_occurrences(profile.keywords, papers)
    wanted = {place for keyword in profile.wanted for place in found[keyword]}
    barred = {place for keyword in profile.unwanted for place in found[keyword]}
    near = alike((keyword for keyword in profile.keywords if not found[keyword]), papers)
    reports = []
    for keyword in profile.keywords:
        report = _counted(keyword, found[keyword], papers, weeks)
        if keyword in near:
            report = replace(report, verdict=Verdict.NEVER, near=tuple(near[keyword]))
        elif keyword.negative:
            report = _weighed_negative(report, sorted(found[keyword].keys() & wanted), len(wanted), papers)
        else:
            report = _weighed(report, keyword, profile.wanted, found, broad=report.per_week > fills)
        reports.append(report)
    return Diagnosis(tuple(reports), len(papers), len(wanted - barred), weeks)


def _counted(keyword: Keyword, found: Occurrences, papers: Sequence[Paper], weeks: float) -> KeywordReport:
    in_text = keyword.field not in (Field.AUTHOR, Field.CATEGORY)
    inside = _inside(keyword, found.keys(), papers) if in_text else []
    return KeywordReport(
        format_keyword(keyword),
        Verdict.GOOD,
        papers=len(found),
        per_week=len(found) / weeks,
        inside=len(inside),
        inside_words=_most(inside, _EXAMPLES),
        spellings=_most(found.values()) if in_text else (),
    )


def _most(texts_of_papers: Iterable[Iterable[str]], limit: int | None = None) -> tuple[Said, ...]:
    """The texts and in how many papers each stands, the most frequent first; case does not tell two apart."""
    ways: dict[str, Counter[str]] = {}
    papers: Counter[str] = Counter()
    for texts in texts_of_papers:
        for text in texts:
            ways.setdefault(text.casefold(), Counter())[text] += 1
        papers.update({text.casefold() for text in texts})
    return tuple(Said(ways[text].most_common(1)[0][0], count) for text, count in papers.most_common(limit))


def _inside(keyword: Keyword, matched: AbstractSet[int], papers: Sequence[Paper]) -> list[set[str]]:
    """For each paper that holds the letters of the keyword and not the words: the words around the letters."""
    letters = keyword.phrase.casefold()
    around = re.compile(rf"\w*{re.escape(letters)}\w*")
    found = []
    for place, paper in enumerate(papers):
        if place in matched:
            continue
        text = _text(paper, keyword.field).casefold()
        if letters in text and (words := set(around.findall(text)) - {letters}):
            found.append(words)
    return found


def _text(paper: Paper, field: Field) -> str:
    texts = {Field.TITLE: paper.title, Field.ABSTRACT: paper.abstract}
    return texts.get(field) or f"{paper.title}\n{paper.abstract}"


def _weighed_negative(report: KeywordReport, taken: list[int], wanted: int, papers: Sequence[Paper]) -> KeywordReport:
    share = len(taken) / wanted if wanted else 0.0
    blunt = share > BLUNT and len(taken) >= ENOUGH
    titles = tuple(papers[place].title for place in taken[:_EXAMPLES])
    return replace(report, verdict=Verdict.BLUNT if blunt else Verdict.GOOD, share=share, kept_out=titles)


def _weighed(
    report: KeywordReport,
    keyword: Keyword,
    wanted: Sequence[Keyword],
    found: dict[Keyword, Occurrences],
    *,
    broad: bool,
) -> KeywordReport:
    mine = found[keyword].keys()
    others = [(other, found[other].keys()) for other in wanted if other != keyword]
    # of two that are the same, the later one is too many
    before = wanted[: wanted.index(keyword)]
    same = next((format_keyword(other) for other, its in others if other in before and _same(mine, its)), None)
    within = next((format_keyword(other) for other, its in others if len(mine) >= ENOUGH and mine < its), None)
    verdict = Verdict.DUPLICATE if same else Verdict.BROAD if broad else Verdict.GOOD
    return replace(report, verdict=verdict, same_as=same, within=None if same else within)


def _same(one: AbstractSet[int], other: AbstractSet[int]) -> bool:
    shared = len(one & other)
    return shared >= ENOUGH and shared >= SAME * len(one | other)
