"""Feedback: more like this, less like this. The next ranking weighs it."""

from dataclasses import dataclass

from digestmail.errors import NotFoundError
from digestmail.model import Paper, Profile
from digestmail.newsletter import Newsletter
from digestmail.newsletter.explain import find_paper
from digestmail.newsletter.subscribe import sync
from digestmail.storage.feedback import Kind

__all__ = ["Kind", "Noted", "note"]


@dataclass(frozen=True, slots=True)
class Noted:
    """What has been noted about one paper."""

    email: str
    paper: Paper
    before: Kind | None
    after: Kind | None
    #: the subscriber's profile as it is now
    profile: Profile


def note(newsletter: Newsletter, email: str, reference: str, kind: Kind | None) -> Noted:
    """Note that a subscriber likes or dislikes a paper, or with None, that they have no opinion of it.

    ``reference`` names the paper as ``find_paper`` reads it. Subscribers of the config file have opinions too: they are
    kept in the store. Raises NotFoundError for an unknown subscriber or paper.
    """
    sync(newsletter)
    store = newsletter.store
    if store.subscribers.find(email) is None:
        raise NotFoundError(f"{email} is not subscribed")
    paper = find_paper(newsletter, reference)
    before = next((one.kind for one in store.feedback.list(email) if one.paper.key == paper.key), None)
    if kind is None:
        store.feedback.remove(email, paper.key)
    elif kind is not before:
        store.feedback.put(email, paper.key, kind, newsletter.clock())
    subscriber = store.subscribers.find_all([email])[email.lower()]
    return Noted(subscriber.email, paper, before, kind, subscriber.profile)
