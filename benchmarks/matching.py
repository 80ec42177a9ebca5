"""Finding every subscriber's keywords in a day's papers: one pass over a phrase trie, against a loop over subscribers.

``python -m benchmarks.matching --papers 200 --subscribers 200``. The baseline is what most tools of the field do: for
each subscriber, paper and keyword, ``keyword in text``. It also finds "RAG" in "coverage"; the last column counts such
hits. Words are made up, with the frequencies of Zipf's law.
"""

import argparse
import json
import random
import time
from collections.abc import Callable

from digestmail.model import Paper, Profile
from digestmail.ranking.profile import parse_keywords
from digestmail.ranking.scoring import Ranker

Work = Callable[[list[Paper], list[Profile]], int]

_VOCABULARY = 20_000  # distinct words, as common as Zipf's law has it
_PHRASES = 5


def make_papers(number: int, rng: random.Random) -> list[Paper]:
    """Papers of about 200 words."""
    texts = (" ".join(_words(200, rng)) for _ in range(number))
    return [
        Paper(key=f"arxiv:2606.{index:05}", title=" ".join(_words(9, rng)), abstract=text)
        for index, text in enumerate(texts)
    ]


def make_profiles(number: int, rng: random.Random) -> list[Profile]:
    """Profiles of five phrases, one to three words each."""
    return [
        parse_keywords([" ".join(_words(rng.randint(1, 3), rng, rare=True)) for _ in range(_PHRASES)])
        for _ in range(number)
    ]


def _words(number: int, rng: random.Random, *, rare: bool = False) -> list[str]:
    # the square of a uniform number, scaled: small ranks are common; keywords come from the rarer half
    ranks = (int(_VOCABULARY ** rng.uniform(0.6 if rare else 0.0, 1.0)) for _ in range(number))
    return [_spell(rank) for rank in ranks]


def _spell(rank: int) -> str:
    letters = ""
    while rank or not letters:
        rank, digit = divmod(rank, 20)
        letters += "bcdfghjklmnpqrtvwxyz"[digit] + "aeiou"[digit % 5]
    return letters


def with_trie(papers: list[Paper], profiles: list[Profile]) -> int:
    """Matched (profile, paper) pairs, digestmail's way."""
    ranker = Ranker(papers, profiles)
    return sum(len(ranker.rank(profile).papers) for profile in profiles)


def with_substrings(papers: list[Paper], profiles: list[Profile]) -> int:
    """Matched (profile, paper) pairs, the baseline's way: every keyword is looked at, as a score needs it."""
    return sum(
        sum(keyword.phrase in text for keyword in profile.keywords) > 0
        for profile in profiles
        for text in [f"{paper.title} {paper.abstract}".lower() for paper in papers]
    )


def timed(
    work: Callable[[list[Paper], list[Profile]], int], papers: list[Paper], profiles: list[Profile]
) -> tuple[float, int]:
    """Seconds (best of three) and the result."""
    best, result = float("inf"), 0
    for _ in range(3):
        start = time.perf_counter()
        result = work(papers, profiles)
        best = min(best, time.perf_counter() - start)
    return best, result


def main() -> None:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=200)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = random.Random(7)  # noqa: S311 - the same load every time
    papers, profiles = make_papers(options.papers, rng), make_profiles(options.subscribers, rng)
    trie_seconds, trie_pairs = timed(with_trie, papers, profiles)
    loop_seconds, loop_pairs = timed(with_substrings, papers, profiles)
    figures = {
        "papers": options.papers,
        "subscribers": options.subscribers,
        "trie_seconds": round(trie_seconds, 4),
        "substring_loop_seconds": round(loop_seconds, 4),
        "speedup": round(loop_seconds / trie_seconds, 1),
        "pairs_by_words": trie_pairs,
        "pairs_by_substrings": loop_pairs,
    }
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{options.papers} papers, {options.subscribers} subscribers, 5 keywords each")
    print(f"  phrase trie     {trie_seconds:8.4f} s  {trie_pairs} matched pairs")
    wrong = loop_pairs - trie_pairs
    print(f"  substring loop  {loop_seconds:8.4f} s  {loop_pairs} matched pairs, {wrong} of them not the words")
    print(f"  the trie is {figures['speedup']} times as fast")


if __name__ == "__main__":
    main()
