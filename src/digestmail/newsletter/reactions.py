"""Reactions to the papers of an issue: more like this, less like this, mute, save; each can be taken back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.reports import Kind as EventKind
from digestmail.model import Delivery, Keyword, Origin, Paper, RankedPaper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.access import Visit, issue_of
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.preferences import MAX_KEYWORDS, MAX_LENGTH, save
from digestmail.newsletter.trial import Trial
from digestmail.ranking.profile import format_keyword, identity, parse_keyword
from digestmail.rendering.outline import outline
from digestmail.storage.addresses import Decision, Fact, Verdict
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
#: what the words of a mail ask for; DROP and RESTORE are about keywords of the paper
_BY_MAIL = {
    "more": (Action.MORE,),
    "less": (Action.LESS,),
    "save": (Action.SAVE,),
    "mute": (Action.DROP,),
    "undo": (Action.FORGET, Action.UNSAVE, Action.RESTORE),
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


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of a mail that asks for something, as lines: ``mute 3 (quantization^2)``."""

    done: tuple[str, ...] = ()
    #: with the reason: somebody should look at these
    refused: tuple[str, ...] = ()


def react(newsletter: Newsletter, visit: Visit, wishes: Sequence[tuple[str, int]], *, source: str) -> Reaction:
    """Do what a mail asks for papers of an issue: ``more 3``, ``mute 3``, ``undo 3``. ``source`` is where it was read.

    Numbers that no paper has are passed over. What was muted is kept among the events of the address, so that undoing
    brings back that and nothing that went another way. Raises NotFoundError when there is no such issue.
    """
    delivery = issue_of(newsletter, visit)
    found = numbered(newsletter, delivery)
    done, refused = list[str](), list[str]()
    for word, number in wishes:
        if not 1 <= number <= len(found):
            continue
        line = _Line(newsletter, visit, delivery, found[number - 1], word, number, source)
        try:
            keywords = line.follow()
        except InputError as error:
            refused.append(f"{word} {number}: {error}")
        else:
            done.append(f"{word} {number}" + (f" ({', '.join(keywords)})" if keywords else ""))
    return Reaction(tuple(done), tuple(refused))


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a mail, and the paper it is about."""

    newsletter: Newsletter
    visit: Visit
    delivery: Delivery
    ranked: RankedPaper
    word: str
    number: int
    source: str

    def follow(self) -> list[str]:
        """Do it. Returns the keywords that it took out of the profile or put back. Raises InputError."""
        changed = []
        for action in _BY_MAIL[self.word]:
            for keyword in self._keywords(action):
                reader = self.newsletter.store.subscribers.by_uid(self.visit.subscriber.uid) or self.visit.subscriber
                proposal = propose(self.newsletter, reader, self.ranked.paper, action, keyword)
                if keyword and proposal.changes_profile:
                    # before it is done: what breaks off between the two is done when the mail is read again
                    self._keep(proposal.keyword)
                    changed.append(proposal.keyword)
                act(self.newsletter, proposal)
        return changed

    def _keywords(self, action: Action) -> list[str]:
        if action is Action.DROP:
            return self._weightiest()
        return self._muted() if action is Action.RESTORE else [""]

    def _weightiest(self) -> list[str]:
        """The keywords of the phrase that brought most points when the issue was planned.

        The profile as it is today would name the next one when a mail is read twice. Raises InputError without any.
        """
        wanted = self.delivery.subscriber.profile.wanted
        brought = [match.keyword for match in self.ranked.matches]
        for phrase in brought:
            if found := [format_keyword(keyword) for keyword in wanted if keyword.phrase == phrase]:
                return found
        raise InputError("no keyword brought this paper")

    def _muted(self) -> list[str]:
        """What mails have muted by this paper and have not undone."""
        found: list[str] = []
        for event in self.newsletter.store.addresses.list(self.visit.subscriber.email):
            if event.kind != EventKind.FEEDBACK or event.slot != self.delivery.slot:
                continue
            if event.decision == str(self._decision("undo")):
                break
            if event.decision == str(self._decision("mute")):
                found.append(event.note)
        return list(dict.fromkeys(found))

    def _keep(self, keyword: str) -> None:
        addresses = self.newsletter.store.addresses
        known = addresses.by_uid(self.visit.subscriber.uid)
        about = replace(known, delivery_id=self.delivery.id, slot=self.delivery.slot) if known else None
        fact = Fact(
            about=about,
            at=self.newsletter.clock(),
            kind=EventKind.FEEDBACK,
            source=self.source,
            note=keyword,
            proven=True,
        )
        addresses.record([fact], lambda _fact, _history: self._decision(self.word))

    def _decision(self, word: str) -> Decision:
        return Decision(Verdict.NOTED, f"{word} {self.number}")


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
