"""Reactions to the papers of an issue: more like this, less like this, mute, save; each can be taken back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from digestmail.errors import InputError, NotFoundError
from digestmail.model import Delivery, Keyword, Origin, Paper, RankedPaper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.access import Visit, issue_of
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
    #: mutes a keyword of the profile: takes it out
    DROP = "drop"
    RESTORE = "restore"
    #: mutes other words: puts a negative keyword in
    BAR = "bar"
    UNBAR = "unbar"


_OPINIONS = {Action.MORE: Kind.LIKE, Action.LESS: Kind.DISLIKE, Action.FORGET: None}
#: what the words of a mail ask for
_BY_MAIL = {
    "more": (Action.MORE,),
    "less": (Action.LESS,),
    "save": (Action.SAVE,),
    "undo": (Action.FORGET, Action.UNSAVE),
}
_INVERSE = {
    Action.SAVE: Action.UNSAVE,
    Action.UNSAVE: Action.SAVE,
    Action.DROP: Action.RESTORE,
    Action.RESTORE: Action.DROP,
    Action.BAR: Action.UNBAR,
    Action.UNBAR: Action.BAR,
}


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
    #: what is put into the profile or taken out of it, as people write it; empty for other actions
    keyword: str = ""

    @property
    def changes_profile(self) -> bool:
        """False where all is as it is asked for, and for saving."""
        return self.before.profile != self.after.profile


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
    if action in (Action.SAVE, Action.UNSAVE):
        return Proposal(action, known, reader, reader, _INVERSE[action])
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
            if proposal.changes_profile:
                save(newsletter, proposal.after)


def react(newsletter: Newsletter, visit: Visit, wishes: Sequence[tuple[str, int]]) -> list[str]:
    """Do what a mail asks for papers of an issue (``more 3``, ``undo 3``) and say what was done.

    Numbers that no paper has are passed over. Raises NotFoundError when there is no such issue.
    """
    found = numbered(newsletter, issue_of(newsletter, visit))
    done = []
    for word, number in wishes:
        if not 1 <= number <= len(found):
            continue
        for action in _BY_MAIL[word]:
            reader = newsletter.store.subscribers.by_uid(visit.subscriber.uid) or visit.subscriber
            act(newsletter, propose(newsletter, reader, found[number - 1].paper, action))
        done.append(f"{word} {number}")
    return done


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
    """The profile with one keyword more or less. Each action asks for an end, so that asking twice is asking once."""
    if reader.origin is Origin.CONFIG:
        raise InputError("Your keywords are kept in a file by the people who run this newsletter: ask them")
    keyword = _read(text)
    negative = action in (Action.BAR, Action.UNBAR)
    if negative:
        keyword = replace(keyword, negative=True, weight=1.0, topic="")
    kept = {identity(one): one for one in reader.profile.keywords}
    if action in (Action.DROP, Action.UNBAR):
        keyword = kept.pop(identity(keyword), keyword)
    else:
        kept.setdefault(identity(keyword), keyword)
    if len(kept) > max(MAX_KEYWORDS, len(reader.profile.keywords)):
        raise InputError(f"{MAX_KEYWORDS} keywords are all that a profile holds")
    after = replace(reader, profile=replace(reader.profile, keywords=tuple(kept.values())))
    return Proposal(action, paper, reader, after, _INVERSE[action], format_keyword(keyword))


def _read(text: str) -> Keyword:
    if len(text) > 2 * MAX_LENGTH:
        raise InputError(f"longer than {MAX_LENGTH} characters")
    keyword = parse_keyword(text)
    return replace(keyword, negative=False)
