"""From a plan to the bytes of a message: what one reader's issue costs.

``python -m benchmarks.rendering``. Issues of ten real papers, ranked for profiles that are all different: four keywords
of each of two curated topics, with weights of their own. CPU time on one core, median of rounds. No issue is made
twice, so nothing kept from one reader's issue is made for them alone. The more readers there have been, the more of
what a paper says about a keyword is there already: the first round, the last, and plans that were read back from their
stored form (equal to what is kept, but other objects) are told apart. Where readers reach a web server, each message
also has signed links and a return path of its own, written into both bodies: that is the last line.

(a) the naive chain, for every reader: Jinja fills MJML, mjml-python makes HTML, premailer with its defaults inlines the
    styles, ``email.message.EmailMessage`` writes the bytes
(b) the template compiled once, filled by Jinja for every reader, and ``EmailMessage``
(c) ours: joined from cards that are filled and encoded once, with the headers written and read back by ``mail.message``
"""

import argparse
import json
import logging
import pickle
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from mjml import mjml2html
from premailer import Premailer

from benchmarks.datasets import corpus, judged
from digestmail.cli import rest_collector
from digestmail.mail.links import pages_of, routes_of, unsubscribe_mailto
from digestmail.mail.message import build_message, message_id
from digestmail.mail.tokens import Tokens
from digestmail.model import (
    Field,
    Hit,
    Issue,
    MailingList,
    Match,
    Paper,
    Place,
    Profile,
    RankedPaper,
    Receipt,
    Rendered,
    Subscriber,
)
from digestmail.ranking import Index
from digestmail.rendering.cards import Tier
from digestmail.rendering.compile import Templates
from digestmail.rendering.environment import environment
from digestmail.rendering.issue import issue_context, render_issue
from digestmail.rendering.joining import Joining
from digestmail.text.tex import to_text

_NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
_LIST = MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address="papers@example.org")
_UNSUBSCRIBE = unsubscribe_mailto(_LIST)
_TEMPLATES = Path(__file__).parents[1] / "templates"
_A_MATCH = (Match(Hit("a", (Place(Field.ABSTRACT, "a"),)), 1.0),)
_NAIVE_SHARE = 20  # the naive chain is slow: it gets one issue of this many


def issues(papers: list[Paper], size: int, number: int) -> list[Issue]:
    """Issues with ``size`` papers, each for a profile of its own; the same every time."""
    index = Index(papers)
    readers = list(dict.fromkeys(profiles(2 * number)))
    index.learn(readers)
    found: list[Issue] = []
    for profile, chosen in zip(readers, index.rank_many(readers, [size] * len(readers)), strict=True):
        if len(chosen.columns) == size and len(found) < number:
            receipt = Receipt(candidates=len(papers), matched=chosen.matched, shown=size)
            found.append(_issue(len(found), profile, index.ranked(profile, chosen), receipt))
    return found


def collected(number: int) -> list[Paper]:
    """The newest papers, their TeX made text as it is when papers are collected."""
    return [replace(paper, title=to_text(paper.title), abstract=to_text(paper.abstract)) for paper in corpus(number)]


def profiles(number: int) -> Iterator[Profile]:
    """Keywords of two interests, a part of each with weights of the reader's own."""
    rng = random.Random(7)  # noqa: S311 - the same load every time
    topics = [topic.profile.keywords for topic in judged().topics]
    for _ in range(number):
        asked = [keyword for topic in rng.sample(topics, 2) for keyword in rng.sample(topic, min(4, len(topic)))]
        yield Profile(tuple(replace(keyword, weight=rng.choice((1.0, 2.0, 3.0))) for keyword in asked))


def _issue(number: int, profile: Profile, ranked: tuple[RankedPaper, ...], receipt: Receipt) -> Issue:
    reader = Subscriber(uid=f"{number:032x}", email=f"reader{number}@example.org", profile=profile, created_at=_NOW)
    return Issue(
        mailing_list=_LIST, subscriber=reader, slot=_NOW.date(), papers=ranked, receipt=receipt, composed_at=_NOW
    )


def email_message(issue: Issue, rendered: Rendered) -> bytes:
    """What most programs do with words: ``EmailMessage.as_bytes()``."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{_LIST.sender_name} <{_LIST.sender_address}>"
    message["To"] = issue.subscriber.email
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(issue.composed_at)
    message["Message-ID"] = message_id(_LIST, issue.subscriber, issue.slot)
    message["List-Unsubscribe"] = f"<{_UNSUBSCRIBE}>"
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message.as_bytes()


def naive(name: str) -> Callable[[Issue], bytes]:
    """The chain (a)."""
    folder = _TEMPLATES / name
    css = (folder / "inline.css").read_text(encoding="utf-8")
    html, text = environment(html=True), environment(html=False)
    body = html.from_string((folder / "body.mjml").read_text(encoding="utf-8"))
    plain = text.from_string((folder / "body.txt").read_text(encoding="utf-8"))
    subject = text.from_string((folder / "subject.txt").read_text(encoding="utf-8"))

    def make(issue: Issue) -> bytes:
        context = issue_context(issue, unsubscribe_url=_UNSUBSCRIBE)
        page = Premailer(
            mjml2html(body.render(context)), css_text=css, cssutils_logging_level=logging.CRITICAL
        ).transform()
        return email_message(issue, Rendered(subject.render(context).strip(), page, plain.render(context)))

    return make


def linked(joining: Joining, base_url: str) -> Callable[[Issue], bytes]:
    """The way (c) with a reader's own links, as for a newsletter whose pages are on the web."""
    mailing_list = replace(_LIST, base_url=base_url, bounce_address="bounces@example.org")
    tokens = Tokens(b"a secret of the benchmark")

    def make(issue: Issue) -> bytes:
        issue = replace(issue, mailing_list=mailing_list)
        routes = routes_of(mailing_list, tokens, issue.subscriber)
        pages = pages_of(mailing_list, tokens, issue.subscriber, issue.slot)
        encoded = joining.join(issue, unsubscribe_url=routes.unsubscribe_url, pages=pages)
        return build_message(issue, encoded, routes).content

    return make


def microseconds(make: Callable[[Issue], object], rounds: Iterable[Sequence[Issue]]) -> list[float]:
    """CPU time per issue, round by round."""
    costs = []
    for batch in rounds:
        start = time.process_time()
        for issue in batch:
            make(issue)
        costs.append(1e6 * (time.process_time() - start) / len(batch))
    return costs


def typical(costs: Sequence[float]) -> float:
    """The median of the rounds but the first, which fills caches."""
    return statistics.median(costs[1:])


def read_back(rounds: Iterable[Sequence[Issue]]) -> Iterator[list[Issue]]:
    """The same issues as other objects, as a store gives them, each round made when it is asked for."""
    for batch in rounds:
        yield [pickle.loads(pickle.dumps(issue)) for issue in batch]  # noqa: S301 - our own


def prepare(joining: Joining, batches: Sequence[Sequence[Issue]]) -> float:
    """Make the cards of all papers, which is done once however many readers there are; CPU time of one card."""
    papers = {ranked.paper: batch[0] for batch in batches for issue in batch for ranked in issue.papers}
    rooms = (Tier.FULL, Tier.LEAD)
    start = time.process_time()
    for paper, issue in papers.items():
        for room in rooms:
            alone = replace(issue, papers=(RankedPaper(paper, 1.0, _A_MATCH),))
            joining.join(alone, unsubscribe_url=_UNSUBSCRIBE, tiers=(room,))
    return 1e6 * (time.process_time() - start) / len(papers)


def main() -> None:
    """Measure the three ways on the same issues and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=1_000, help="papers to choose from")
    parser.add_argument("--size", type=int, default=10, help="papers in an issue")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--readers", type=int, default=100, help="readers in a round")
    parser.add_argument("--template", default="issue")
    parser.add_argument("--base-url", default="https://papers.example.org", help="where signed links lead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rest_collector()  # as the command line does
    every = issues(collected(options.papers), options.size, options.readers * (options.rounds + 1))
    rounds = [every[start : start + options.readers] for start in range(0, len(every), options.readers)]
    few = [batch[: max(2, options.readers // _NAIVE_SHARE)] for batch in rounds]
    template = Templates(_TEMPLATES).load(options.template)
    joining = Joining(template)

    def compiled(issue: Issue) -> bytes:
        return email_message(issue, render_issue(issue, template, unsubscribe_url=_UNSUBSCRIBE))

    def joined(issue: Issue) -> bytes:
        return build_message(issue, joining.join(issue, unsubscribe_url=_UNSUBSCRIBE)).content

    per_paper = prepare(joining, rounds)
    by_round = microseconds(joined, rounds)
    costs = {
        "(a) Jinja, MJML, premailer, EmailMessage": typical(microseconds(naive(options.template), few)),
        "(b) compiled template, EmailMessage": typical(microseconds(compiled, few)),
        "(c) ours: joined": typical(by_round),
        "    in the first round": by_round[0],
        "    in the last round": by_round[-1],
        "    plans read back, everything kept": typical(microseconds(joined, read_back(rounds))),
        "    the same with signed links": typical(microseconds(linked(joining, options.base_url), read_back(rounds))),
    }
    sizes = [len(joined(issue)) for issue in rounds[0]]
    slowest = max(costs.values())
    if options.json:
        print(
            json.dumps(
                {"microseconds": costs, "microseconds_per_paper": per_paper, "message_bytes": statistics.mean(sizes)}
            )
        )
        return
    print(f"{options.size} papers an issue, {statistics.mean(sizes) / 1024:.1f} KB a message")
    print(f"{'':42} us/message   times faster")
    for name, cost in costs.items():
        print(f"{name:42} {cost:10,.0f} {slowest / cost:14.1f}")
    print(f"(c) also makes the cards of a paper, once for all readers: {per_paper:,.0f} us")


if __name__ == "__main__":
    main()
