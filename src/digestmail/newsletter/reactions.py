"""Reactions to the papers of an issue: more like this, less like this, mute, save; each can be taken back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from digestmail.errors import InputError, NotFoundError
from digestmail.model import Delivery, Keyword, Origin, Paper, RankedPaper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.preferences import MAX_KEYWORDS, MAX_LENGTH, save
from digestmail.newsletter.trial import Trial
from digestmail.ranking.profile import format_keyword, identity, parse_keyword
from digestmail.rendering.outline import outline
from digestmail.storage.feedback import Kind


class Action(StrEnum):
    """What a reader can do about a paper."""

    MORE = "more"
    LESS = "less"
    #: neither more nor less
    FORGET = "forget"
    SAVE = "save"
    UNSAVE = "unsave"
    #: drops a keyword of the profile; words that are none are kept out from now on
    MUTE = "mute"
    UNMUTE = "unmute"


_OPINIONS = {Action.MORE: Kind.LIKE, Action.LESS: Kind.DISLIKE, Action.FORGET: None}
_SAVING = (Action.SAVE, Action.UNSAVE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action before it is taken."""

    action: Action
    paper: Paper
    #: the reader as they are, and as they would be
    before: Subscriber
    after: Subscriber
    #: takes it back
    undo: Action
    #: what is muted, as people write it; empty for other actions
    keyword: str = ""
    #: whether muting adds a negative keyword or takes it out again, instead of a keyword of the profile
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What a proposal would have changed in the issues of the last seven days."""

    #: titles
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    before: int
    after: int


def numbered(newsletter: Newsletter, delivery: Delivery) -> tuple[RankedPaper, ...]:
    """The papers of an issue in the order of the numbers that its message gives them."""
    fitted = message_of(newsletter, delivery, joining_for(newsletter, delivery.template)).fitted
    return tuple(ranked for ranked, _ in outline(fitted.issue, "", tiers=fitted.tiers).papers)


def propose(newsletter: Newsletter, reader: Subscriber, paper: Paper, action: Action, keyword: str = "") -> Proposal:
    """What an action would do. Nothing is changed.

    Raises InputError where it cannot be done, ProfileError for words that are no keyword, NotFoundError for a paper
    that is not there.
    """
    known = newsletter.store.corpus.find(paper.key)
    if known is None:
        raise NotFoundError("no such paper")
    if action in _OPINIONS:
        return _opinion(reader, known, action)
    if action in _SAVING:
        undo = Action.UNSAVE if action is Action.SAVE else Action.SAVE
        return Proposal(action, known, reader, reader, undo)
    return _muting(reader, known, action, keyword)


def act(newsletter: Newsletter, proposal: Proposal) -> None:
    """Do it; done before, it changes nothing. Raises StoreError."""
    store, email, key = newsletter.store, proposal.before.email, proposal.paper.key
    match proposal.action:
        case Action.MORE | Action.LESS:
            kind = _OPINIONS[proposal.action]
            assert kind is not None, "these are opinions"
            store.feedback.put(email, key, kind, newsletter.clock())
        case Action.FORGET:
            store.feedback.remove(email, key)
        case Action.SAVE:
            store.saved.add(email, key, newsletter.clock())
        case Action.UNSAVE:
            store.saved.remove(email, key)
        case _:
            if proposal.after.profile != proposal.before.profile:
                save(newsletter, proposal.after)


def effect(before: Trial, after: Trial) -> Effect:
    """How the issues of two profiles differ."""
    had, has = (
        {ranked.paper.key: ranked.paper.title for issue in one.issues for ranked in issue.papers}
        for one in (before, after)
    )
    added = tuple(title for key, title in has.items() if key not in had)
    dropped = tuple(title for key, title in had.items() if key not in has)
    return Effect(added, dropped, len(had), len(has))


def _opinion(reader: Subscriber, paper: Paper, action: Action) -> Proposal:
    profile, key = reader.profile, paper.key
    was = Action.FORGET
    for kept, name in ((profile.liked, Action.MORE), (profile.disliked, Action.LESS)):
        if any(one.key == key for one in kept):
            was = name
    liked, disliked = _without(profile.liked, key), _without(profile.disliked, key)
    liked += (paper,) if action is Action.MORE else ()
    disliked += (paper,) if action is Action.LESS else ()
    after = replace(reader, profile=replace(profile, liked=liked, disliked=disliked))
    return Proposal(action, paper, reader, after, Action.FORGET if was is action else was)


def _without(papers: Iterable[Paper], key: str) -> tuple[Paper, ...]:
    return tuple(paper for paper in papers if paper.key != key)


def _muting(reader: Subscriber, paper: Paper, action: Action, text: str) -> Proposal:
    if reader.origin is Origin.CONFIG:
        raise InputError("Your keywords are kept in a file by the people who run this newsletter: ask them")
    keyword = _read(text)
    kept = {identity(one): one for one in reader.profile.keywords}
    mine, barred = identity(keyword), identity(replace(keyword, negative=True))
    undo = Action.UNMUTE if action is Action.MUTE else Action.MUTE
    if action is Action.MUTE and mine in kept:
        told, negative = kept.pop(mine), False
    elif action is Action.MUTE:
        told, negative = keyword, True
        kept[barred] = replace(keyword, negative=True, weight=1.0, topic="")
    elif barred in kept:
        told, negative = keyword, True
        del kept[barred]
    else:
        told, negative = keyword, False
        kept.setdefault(mine, keyword)
    if len(kept) > max(MAX_KEYWORDS, len(reader.profile.keywords)):
        raise InputError(f"{MAX_KEYWORDS} keywords are all that a profile holds")
    after = replace(reader, profile=replace(reader.profile, keywords=tuple(kept.values())))
    return Proposal(action, paper, reader, after, undo, format_keyword(told), negative)


def _read(text: str) -> Keyword:
    if len(text) > 2 * MAX_LENGTH:
        raise InputError(f"longer than {MAX_LENGTH} characters")
    keyword = parse_keyword(text)
    return replace(keyword, negative=False)
