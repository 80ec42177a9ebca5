"""TeX to text on real papers: what is left of it, and what it costs.

``python -m benchmarks.tex``. 26,502 papers; microseconds of processor time for one text, the best of several rounds.
"Scripts as ^(…)" are those that Unicode has no letters for; in HTML they are ``<sup>`` and ``<sub>``. The baseline is
what a reader sees without conversion.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence

from benchmarks.datasets import corpus
from digestmail.text.links import addresses
from digestmail.text.tex import to_html, to_text

_PAPERS = 26_502
_TEX = re.compile(r"[\\$]")
_BARE = re.compile(r"[\^_](?!\()")
_SCRIPT = re.compile(r"[\^_]")


def left(texts: Sequence[str]) -> dict[str, float]:
    """Per cent of the texts that hold a backslash, a ^ or _ of TeX, one of our own, and any of them in HTML."""
    share = 100 / len(texts)
    return {
        "backslash": share * sum("\\" in text for text in texts),
        "bare ^ or _": share * sum(bool(_BARE.search(text)) for text in texts),
        "script as ^(…)": share * sum(bool(_SCRIPT.search(text)) for text in texts),
        "^ or _ in HTML": share * sum(bool(_SCRIPT.search(to_html(text))) for text in texts),
    }


def cost(work: Callable[[str], object], texts: Sequence[str], rounds: int) -> float:
    """Microseconds for one text."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for text in texts:
            work(text)
        best = min(best, (time.process_time() - start) / len(texts))
    return 1e6 * best


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--papers", type=int, default=_PAPERS)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    papers = corpus(given.papers)
    titles = [paper.title for paper in papers]
    abstracts = [paper.abstract for paper in papers]
    names = [name for paper in papers for name in paper.authors]
    in_tex = {kind: list(filter(_TEX.search, texts)) for kind, texts in (("titles", titles), ("abstracts", abstracts))}
    shares = {f"{kind} in TeX": left([to_text(text) for text in texts]) for kind, texts in in_tex.items()}
    shares |= {f"{kind} before": left(texts) for kind, texts in in_tex.items()}
    spent = {
        "title": cost(to_text, titles, given.rounds),
        "title in TeX": cost(to_text, in_tex["titles"], given.rounds),
        "abstract": cost(to_text, abstracts, given.rounds),
        "name": cost(to_text, names, given.rounds),
        "abstract to HTML": cost(to_html, abstracts, given.rounds),
        "addresses of an abstract": cost(addresses, abstracts, given.rounds),
    }
    found = [addresses(to_text(abstract)) for abstract in abstracts]
    named = {"code": sum(bool(one.code) for one in found), "project": sum(bool(one.project) for one in found)}
    if given.json:
        print(json.dumps({"left": shares, "microseconds": spent, "addresses": named, "papers": len(papers)}, indent=2))
        return
    print(f"{len(papers):,} papers, {len(in_tex['titles'])} titles and {len(in_tex['abstracts']):,} abstracts with TeX")
    for kind, row in shares.items():
        print(f"{kind:20}" + "  ".join(f"{name} {share:.2f} %" for name, share in row.items()))
    for name, microseconds in spent.items():
        print(f"{name:26}{microseconds:8.1f} µs")
    print(f"abstracts that name code {named['code']:,}, a project page {named['project']:,}")


if __name__ == "__main__":
    main()
