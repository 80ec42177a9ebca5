"""Explain: why a paper is, or is not, in a subscriber's issue."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from digestmail.errors import NotFoundError
from digestmail.model import Delivery, Paper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.compose import index_of, window_days
from digestmail.newsletter.subscribe import sync
from digestmail.ranking import Explanation, choose
from digestmail.text.identity import arxiv_id, doi, title_key, url_key


class Verdict(StrEnum):
    """What became of a paper for one subscriber."""

    PROMISED = "in the issue"
    NEXT = "in the next issue"
    CARRIED = "matched, but others rank higher"
    WITHDRAWN = "withdrawn by its authors before it was sent"
    EXCLUDED = "kept out by a negative keyword"
    BELOW_GATE = "matched, but too little"
    UNMATCHED = "no keyword matches"
    TOO_OLD = "older than the window"
    SAMPLE = "a sample: live papers have taken over"


@dataclass(frozen=True, slots=True)
class Explained:
    """The whole answer."""

    paper: Paper
    subscriber: Subscriber
    verdict: Verdict
    explanation: Explanation
    #: place among the candidates of the next issue, 1 is the top; None when it is not among them
    rank: int | None = None
    #: papers an issue takes, and days a paper is a candidate
    max_papers: int = 0
    window_days: int = 0
    #: the delivery that holds it, when there is one
    delivery: Delivery | None = None


def find_paper(newsletter: Newsletter, reference: str) -> Paper:
    """The paper of the corpus that ``reference`` names:

    A key, an arXiv id or URL, a DOI, the link of a page, or the title. Raises NotFoundError.
    """
    arxiv, doi_found = arxiv_id(reference), doi(reference)
    names = [reference]
    names += [f"arxiv:{arxiv}"] if arxiv else []
    names += [f"doi:{doi_found}"] if doi_found else []
    names += [page] if (page := url_key(reference)) else []
    for name in (*names, title_key(reference)):
        if found := newsletter.store.corpus.find(name):
            return found
    raise NotFoundError(f"no paper {reference!r} in the corpus: 'digestmail papers' lists what is there")


def explain(newsletter: Newsletter, email: str, reference: str) -> Explained:
    """Why the paper is or is not in this subscriber's issues.

    Raises NotFoundError for an unknown subscriber or paper.
    """
    with newsletter.store.rehearsal():
        sync(newsletter)
        subscriber = newsletter.store.subscribers.find(email)
        if subscriber is None:
            raise NotFoundError(f"{email} is not subscribed")
        return _explain(newsletter, subscriber, find_paper(newsletter, reference))


def _explain(newsletter: Newsletter, subscriber: Subscriber, paper: Paper) -> Explained:
    now = newsletter.clock()
    days = window_days(newsletter, subscriber, now)
    since = now - timedelta(days=days)
    papers = newsletter.store.corpus.window(since, now)
    inside = {candidate.key for candidate in papers}
    index = index_of(newsletter, papers if paper.key in inside else [*papers, paper])
    explanation = index.explain(subscriber.profile, paper.key)
    delivery = newsletter.store.deliveries.with_paper(subscriber.email, paper.key)
    promised = newsletter.store.deliveries.promised([subscriber], since).get(subscriber.uid, set())
    barred = promised | ({paper.key} - inside) | index.withdrawn
    ranking = index.ranking(subscriber.profile, barred)
    ranks = [ranked.paper.key for ranked in ranking.papers]
    rank = ranks.index(paper.key) + 1 if paper.key in ranks else None
    size = subscriber.max_papers or newsletter.rules.max_papers
    if delivery:
        verdict = Verdict.PROMISED
    elif rank:
        chosen = any(ranked.paper.key == paper.key for ranked in choose(ranking, size))
        verdict = Verdict.NEXT if chosen else Verdict.CARRIED
    else:
        verdict = _kept_out(subscriber, paper, explanation, inside)
    return Explained(paper, subscriber, verdict, explanation, rank, size, days, delivery)


def _kept_out(subscriber: Subscriber, paper: Paper, explanation: Explanation, inside: set[str]) -> Verdict:
    if paper.withdrawn:
        return Verdict.WITHDRAWN
    if explanation.negatives:
        return Verdict.EXCLUDED
    if subscriber.profile.wanted or subscriber.profile.liked:
        if not explanation.matches:
            return Verdict.UNMATCHED
        if not explanation.passes:
            return Verdict.BELOW_GATE
    return Verdict.SAMPLE if paper.sample and paper.key not in inside else Verdict.TOO_OLD
