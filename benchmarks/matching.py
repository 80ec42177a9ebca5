"""Ranking a day's papers for every subscriber: one phrase index, against a loop over subscribers.

``python -m benchmarks.matching --subscribers 1000 100000``. 1,000 real papers; profiles of 5 to 20 phrases from real
titles, as popular as Zipf's law has it, 2 % of them negative. Each size runs in a process of its own: seconds for
everything that follows once papers and profiles are in memory (reading, matching, scoring, gate, choosing ten for each
subscriber) and peak memory, papers and profiles included. The baseline, what most tools of the field do: for each
subscriber, paper and keyword, ``keyword in text``, measured on a slice and scaled.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.datasets import corpus
from digestmail.cli import rest_collector
from digestmail.model import Keyword, Paper, Profile
from digestmail.ranking import Index
from digestmail.text.analysis import STOP_WORDS, tokens

_PHRASES = 100_000
_SLICE = 50
_SIZE = 10
_NEGATIVE = 0.02


def phrases(papers: list[Paper], rng: random.Random) -> list[str]:
    """One to three neighbouring words of titles, most popular first."""
    found: dict[str, None] = {}
    for paper in rng.sample(papers, len(papers)):
        words = [paper.title[token.start : token.end] for token in tokens(paper.title)]
        for start in range(len(words)):
            phrase = words[start : start + rng.randint(1, 3)]
            if not STOP_WORDS & {phrase[0].lower(), phrase[-1].lower()}:
                found[" ".join(phrase)] = None
    shuffled = sorted(found)
    rng.shuffle(shuffled)
    return shuffled[:_PHRASES]


def keywords(words: list[str]) -> list[tuple[Keyword, Keyword]]:
    """Each phrase wanted and unwanted; subscribers who ask the same share it."""
    return [(Keyword(phrase, 1.0 + rank % 2), Keyword(phrase, negative=True)) for rank, phrase in enumerate(words)]


def profiles(number: int, asked: list[tuple[Keyword, Keyword]]) -> Iterator[Profile]:
    """The same every time."""
    rng = random.Random(number)  # noqa: S311 - the same load every time
    for _ in range(number):
        # log-uniform ranks have the frequencies of Zipf's law
        ranks = {int(len(asked) ** rng.random()) - 1 for _ in range(rng.randint(5, 20))}
        yield Profile(tuple(asked[rank][rng.random() < _NEGATIVE] for rank in ranks))


def run(subscribers: int, papers: list[Paper], words: list[str]) -> dict[str, float]:
    """Rank for all of them, in this process."""
    rest_collector()  # as the command line does
    everyone = list(profiles(subscribers, keywords(words)))
    start = time.perf_counter()
    index = Index(papers)
    index.learn(everyone)
    read = time.perf_counter() - start
    shown = sum(len(chosen.columns) for chosen in index.rank_many(everyone, _SIZE))
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"subscribers": subscribers, "match_seconds": read, "seconds": seconds, "peak_mb": memory, "shown": shown}


def loop(papers: list[Paper], words: list[str]) -> float:
    """Seconds per subscriber of the substring loop."""
    texts = [f"{paper.title} {paper.abstract}".lower() for paper in papers]
    start = time.perf_counter()
    for profile in profiles(_SLICE, keywords(words)):
        wanted = [keyword.phrase.lower() for keyword in profile.keywords]
        sorted((sum(phrase in text for phrase in wanted) for text in texts), reverse=True)
    return (time.perf_counter() - start) / _SLICE


def main() -> None:
    """Measure each size in a fresh process and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=1_000)
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    every = corpus(26_502)
    words = phrases(every, random.Random(7))  # noqa: S311 - the same load every time
    papers = every[-options.papers :]
    del every
    if options.alone:
        print(json.dumps(run(options.subscribers[0], papers, words)))
        return
    figures = [_alone(size, options.papers) for size in options.subscribers]
    each = loop(papers, words)
    for row in figures:
        row["substring_loop_seconds"] = each * row["subscribers"]
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{options.papers} papers; the substring loop is scaled from {_SLICE} subscribers")
    print("subscribers   matching s   all s   us/subscriber   peak MB   substring loop s")
    for row in figures:
        each = 1e6 * (row["seconds"] - row["match_seconds"]) / row["subscribers"]
        print(
            f"{row['subscribers']:11,.0f} {row['match_seconds']:12.2f} {row['seconds']:7.2f} {each:15.0f}"
            f" {row['peak_mb']:9.0f} {row['substring_loop_seconds']:18,.0f}"
        )


def _alone(subscribers: int, papers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.matching", "--alone", "--subscribers", str(subscribers)]
    done = subprocess.run([*command, "--papers", str(papers)], check=True, capture_output=True, text=True)  # noqa: S603 - this program again
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
