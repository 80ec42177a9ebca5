"""How well rankings find what people curate: nDCG@10 on a day's and a week's papers.

``python -m benchmarks.relevance``. 10,210 papers of nine weeks; 32 keyword profiles, each with the papers that
human-curated lists hold for its topic. Day pools have at least 50 papers, week pools 300; a pool counts for a topic
when it holds a relevant paper. nDCG@10 is averaged per topic, then over topics; ties are shuffled. The baselines, all
from the same run: counting substrings (most tools of the field), TF-IDF with the settings of arxiv-sanity-lite, BM25
(bm25s, Snowball), SQLite FTS5. Parameters were chosen on even topics: the odd ones are held out.

Needs ``pip install 'digestmail[bench]'``.
"""

import argparse
import json
import math
import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from statistics import fmean

import bm25s
import numpy as np
import Stemmer
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.datasets import Judged, Topic, judged
from digestmail.model import Gate, Paper, Profile
from digestmail.ranking import Index
from digestmail.ranking.index import GATES

#: one score per paper, in the order of the papers
Scores = Sequence[float]
Method = Callable[[Profile], Scores]

_TOP = 10
_DAY, _WEEK = 50, 300
_INTERESTS = 30


def substring_count(papers: Sequence[Paper]) -> Method:
    """How many keywords occur somewhere in the text."""
    texts = [f"{paper.title} {paper.abstract}".lower() for paper in papers]
    return lambda profile: [sum(word.phrase.lower() in text for word in profile.wanted) for text in texts]


def weighted_substring(papers: Sequence[Paper]) -> Method:
    """Weights of the keywords that occur, three times for the title."""
    texts = [(paper.title.lower(), paper.abstract.lower()) for paper in papers]

    def score(profile: Profile) -> Scores:
        words = [(word.phrase.lower(), word.weight) for word in profile.wanted]
        return [
            sum(weight * (3 * (word in title) + (word in abstract)) for word, weight in words)
            for title, abstract in texts
        ]

    return score


def tf_idf(papers: Sequence[Paper]) -> Method:
    """Cosine of TF-IDF vectors, with the settings of arxiv-sanity-lite."""
    vectorizer = TfidfVectorizer(
        strip_accents="unicode",
        token_pattern=r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b",  # noqa: S106 - a pattern of words
        stop_words="english",
        ngram_range=(1, 2),
        max_features=20_000,
        sublinear_tf=True,
        max_df=0.1,
        min_df=5,
    )
    matrix = vectorizer.fit_transform(f"{paper.title} {paper.abstract}" for paper in papers)

    def score(profile: Profile) -> Scores:
        query = sum(word.weight * vectorizer.transform([word.phrase]) for word in profile.wanted)
        return [float(one) for one in (matrix @ query.T).toarray().ravel()]

    return score


def bm25(papers: Sequence[Paper]) -> Method:
    """BM25 over stemmed words."""
    stemmer = Stemmer.Stemmer("english")

    def words(texts: list[str]) -> list[list[str]]:
        return list(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False))

    retriever = bm25s.BM25()
    retriever.index(words([f"{paper.title} {paper.abstract}" for paper in papers]), show_progress=False)

    def score(profile: Profile) -> Scores:
        [query] = words([" ".join(word.phrase for word in profile.wanted)])
        return [float(one) for one in retriever.get_scores(query)]

    return score


def fts5(papers: Sequence[Paper]) -> Method:
    """SQLite's full-text search: phrases and their words, Porter, title times three."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE paper USING fts5(title, abstract, tokenize='porter unicode61')")
    connection.executemany("INSERT INTO paper VALUES (?, ?)", [(paper.title, paper.abstract) for paper in papers])

    def score(profile: Profile) -> Scores:
        scores = [0.0] * len(papers)
        phrases = [" ".join(re.findall(r"\w+", word.phrase)) for word in profile.wanted]
        words = {word for phrase in phrases for word in phrase.split()}
        query = " OR ".join(f'"{one}"' for one in dict.fromkeys([*phrases, *sorted(words)]))
        with closing(connection.cursor()) as cursor:
            found = cursor.execute("SELECT rowid, bm25(paper, 3, 1) FROM paper WHERE paper MATCH ?", [query])
            for row, value in found:
                scores[row - 1] = -value
        return scores

    return score


def ours(papers: Sequence[Paper]) -> Method:
    """This project's engine, upvotes included."""
    index = Index(papers)
    index.learn(topic.profile for topic in judged().topics)

    def score(profile: Profile) -> Scores:
        found = index.scores(profile)
        return [found[paper.key] for paper in papers]

    return score


METHODS: dict[str, Callable[[Sequence[Paper]], Method]] = {
    "substring count": substring_count,
    "weighted substring, title x3": weighted_substring,
    "TF-IDF (arxiv-sanity-lite)": tf_idf,
    "BM25 (bm25s, Snowball)": bm25,
    "SQLite FTS5, phrases and words": fts5,
    "digestmail": ours,
}


def ndcg(ranked: Iterable[str], relevant: frozenset[str], pool: int) -> float:
    """nDCG@10 with binary judgements; ``pool`` is how many relevant papers could be found."""
    gain = sum(1 / math.log2(rank + 2) for rank, key in enumerate(ranked) if key in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(pool, _TOP)))


def top(pool: Sequence[str], scores: Mapping[str, float], rng: random.Random) -> list[str]:
    """The ten best, ties in random order."""
    return sorted(pool, key=lambda key: (-scores[key], rng.random()))[:_TOP]


def pools(data: Judged, *, weekly: bool = False) -> list[list[str]]:
    """The days or weeks that hold enough papers."""
    chosen, least = (data.weeks, _WEEK) if weekly else (data.days, _DAY)
    return [keys for _, keys in sorted(chosen.items()) if len(keys) >= least]


def average(relevant: frozenset[str], scores: Mapping[str, float], days: Sequence[list[str]], seed: str) -> float:
    """nDCG@10 over the pools that hold something relevant."""
    rng = random.Random(seed)  # noqa: S311 - shuffles ties
    values = [
        ndcg(top(pool, scores, rng), relevant, held) for pool in days if (held := len(relevant.intersection(pool)))
    ]
    return fmean(values) if values else math.nan


def coverage(parts: Sequence[frozenset[str]], scores: Mapping[str, float], days: Sequence[list[str]]) -> float:
    """Of the interests that have a paper in the pool, the share that has one in the top ten."""
    rng = random.Random("coverage")  # noqa: S311 - shuffles ties
    values = []
    for pool in days:
        present = [part for part in parts if not part.isdisjoint(pool)]
        if present:
            shown = top(pool, scores, rng)
            values.append(fmean(not part.isdisjoint(shown) for part in present))
    return fmean(values)


def gate(data: Judged, reference: Mapping[str, Mapping[str, float]], ranked: Index) -> dict[str, float]:
    """Precision of the top ten of days at the recall of weighted substrings (any hit is shown), micro-averaged.

    All days count, also those that hold nothing relevant: an issue should be short then. The engine's own gates,
    and the relevance over the gate's threshold at which its recall is the same.
    """
    base: list[tuple[float, bool]] = []
    mine: list[tuple[float, bool]] = []
    rng = random.Random("gate")  # noqa: S311 - shuffles ties
    wanted = 0
    for topic in data.topics:
        scores, margins = ranked.scores(topic.profile), ranked.margins(topic.profile)
        baseline = reference[topic.name]
        for pool in pools(data):
            wanted += len(topic.relevant.intersection(pool))
            base += [(1.0, key in topic.relevant) for key in top(pool, baseline, rng) if baseline[key]]
            mine += [(margins[key], key in topic.relevant) for key in top(pool, scores, rng)]
    hits = sum(hit for _, hit in base)
    figures = {"substring precision": hits / len(base), "recall": hits / wanted}
    for name, factor in ((str(name), GATES[name]) for name in (Gate.WIDE, Gate.NORMAL, Gate.STRICT)):
        shown = [hit for margin, hit in mine if margin >= factor]
        figures |= {f"{name} precision": fmean(shown), f"{name} recall": sum(shown) / wanted}
    mine.sort(key=lambda pair: -pair[0])
    needed = int(np.searchsorted(np.cumsum([hit for _, hit in mine]), hits)) + 1
    figures |= {"precision at equal recall": hits / needed, "threshold at equal recall": mine[needed - 1][0]}
    return figures | {"gain": hits / needed / figures["substring precision"]}


def interests(data: Judged) -> list[list[Topic]]:
    """Thirty seeded triples of topics: subscribers with several interests."""
    rng = random.Random(30)  # noqa: S311 - the same triples every time
    return [rng.sample(data.topics, 3) for _ in range(_INTERESTS)]


def union(topics: Sequence[Topic]) -> Profile:
    """One profile that asks for all of them, in one bag."""
    return Profile(tuple({word.phrase.lower(): word for topic in topics for word in topic.profile.keywords}.values()))


def _mean(values: Sequence[float]) -> float:
    """Of the topics that have something to find."""
    return float(np.nanmean(values))


def measure(data: Judged) -> dict[str, dict[str, float]]:
    """All figures of all methods."""
    days, weeks = pools(data), pools(data, weekly=True)
    keys = [paper.key for paper in data.papers]
    figures: dict[str, dict[str, float]] = {}
    for name, build in METHODS.items():
        method = build(data.papers)
        scores = {topic.name: dict(zip(keys, method(topic.profile), strict=True)) for topic in data.topics}
        by_day = [average(topic.relevant, scores[topic.name], days, topic.name) for topic in data.topics]
        by_week = [average(topic.relevant, scores[topic.name], weeks, topic.name) for topic in data.topics]
        figures[name] = {
            "day": _mean(by_day),
            "week": _mean(by_week),
            "even day": _mean(by_day[::2]),
            "odd day": _mean(by_day[1::2]),
            "even week": _mean(by_week[::2]),
            "odd week": _mean(by_week[1::2]),
        }
        triples, covered = [], []
        for three in interests(data):
            mixed = dict(zip(keys, method(union(three)), strict=True))
            everything = frozenset[str]().union(*(topic.relevant for topic in three))
            triples.append(average(everything, mixed, days, "triples"))
            covered.append(coverage([topic.relevant for topic in three], mixed, days))
        figures[name] |= {"mixed day": fmean(triples), "coverage": fmean(covered)}
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = judged()
    figures = measure(data)
    keys = [paper.key for paper in data.papers]
    baseline = weighted_substring(data.papers)
    reference = {topic.name: dict(zip(keys, baseline(topic.profile), strict=True)) for topic in data.topics}
    index = Index(data.papers)
    index.learn(topic.profile for topic in data.topics)
    gates = gate(data, reference, index)
    if options.json:
        print(json.dumps({"ranking": figures, "gate": gates}))
        return
    columns = list(next(iter(figures.values())))
    sizes = f"{len(pools(data))} days, {len(pools(data, weekly=True))} weeks"
    print(f"{len(data.papers)} papers, {len(data.topics)} topics, {sizes}")
    print(f"{'nDCG@10':32}" + "".join(f"{column:>11}" for column in columns))
    for name, values in figures.items():
        print(f"{name:32}" + "".join(f"{values[column]:11.3f}" for column in columns))
    print("gate, top ten of a day: " + ", ".join(f"{name} {value:.3f}" for name, value in gates.items()))


if __name__ == "__main__":
    main()
