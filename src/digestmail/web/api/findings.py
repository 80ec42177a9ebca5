"""What answers carry that say why: explanations, proofs, audits, simulations. Field names are those of ``--json``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from digestmail.model import Evidence, Match, RankedPaper
from digestmail.model import Field as PaperField
from digestmail.newsletter.audit import Audit
from digestmail.newsletter.explain import Explained, Verdict
from digestmail.newsletter.prove import Proof
from digestmail.newsletter.simulate import Change, Simulation
from digestmail.ranking.profile import format_keywords
from digestmail.web.api.models import DeliveryOut

VerdictName = Annotated[str, Field(json_schema_extra={"enum": [verdict.name.lower() for verdict in Verdict]})]


class PlaceOut(BaseModel):
    """Where a paper has a keyword."""

    model_config = ConfigDict(from_attributes=True)

    field: PaperField
    evidence: Evidence
    text: str = Field(description="As the paper writes it.")
    count: int
    share: float = Field(description="Its part of the points of the keyword.")


class MatchOut(BaseModel):
    """A keyword that a paper has, and what that is worth to the reader."""

    model_config = ConfigDict(from_attributes=True)

    keyword: str
    points: float
    places: list[PlaceOut]


class ExplainedOut(BaseModel):
    """Why a paper is, or is not, in somebody's issue."""

    paper: str
    title: str
    subscriber: str
    verdict: VerdictName
    reason: str = Field(description="The verdict in words.")
    rank: int | None = Field(description="Its place among the candidates of the next issue, from 1 on.")
    max_papers: int
    window_days: int
    score: float
    relevance: float
    threshold: float
    matches: list[MatchOut]
    negatives: list[MatchOut]
    delivered: date | None = Field(description="The day of the issue that has it.")

    @classmethod
    def of(cls, one: Explained) -> "ExplainedOut":
        """As it is shown."""
        found = one.explanation
        return cls(
            paper=one.paper.key,
            title=one.paper.title,
            subscriber=one.subscriber.email,
            verdict=one.verdict.name.lower(),
            reason=str(one.verdict),
            rank=one.rank,
            max_papers=one.max_papers,
            window_days=one.window_days,
            score=found.score,
            relevance=found.relevance,
            threshold=found.threshold,
            matches=_matches(found.matches),
            negatives=_matches(found.negatives),
            delivered=one.delivery.slot if one.delivery else None,
        )


class StepOut(BaseModel):
    """One thing that happened."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    what: str


class ProofOut(BaseModel):
    """The whole way of a paper to a reader."""

    paper: str
    subscriber: str
    verdict: VerdictName
    delivered: bool
    delivery: DeliveryOut | None
    steps: list[StepOut]

    @classmethod
    def of(cls, one: Proof) -> "ProofOut":
        """As it is shown."""
        return cls(
            paper=one.paper.key,
            subscriber=one.explained.subscriber.email,
            verdict=one.explained.verdict.name.lower(),
            delivered=one.is_delivered,
            delivery=DeliveryOut.of(one.delivery) if one.delivery else None,
            steps=[StepOut.model_validate(step) for step in one.steps],
        )


class AuditOut(BaseModel):
    """What became of all papers of all slots."""

    slots: int
    candidates: int
    places: Mapping[str, int] = Field(description="How many papers were sent, carried over and so on.")
    unchecked: int = Field(description="Slots whose plan is too old to be counted anew.")
    faults: list[str] = Field(description="One line for each thing that does not add up.")

    @classmethod
    def of(cls, one: Audit) -> "AuditOut":
        """As it is shown."""
        return cls(
            slots=one.slots,
            candidates=one.candidates,
            places=dict(one.places),
            unchecked=one.unchecked,
            faults=one.faults,
        )


class DayOut(BaseModel):
    """One issue of a simulation."""

    day: date
    papers: list[str]


class WalkOut(BaseModel):
    """What one profile would have received."""

    keywords: list[str]
    papers: int
    mean: float = Field(description="Papers in an issue, empty ones counted.")
    days: list[DayOut]

    @classmethod
    def of(cls, one: Simulation) -> "WalkOut":
        """As it is shown."""
        days = [DayOut(day=issue.slot, papers=_keys(issue.papers)) for issue in one.issues]
        return cls(keywords=format_keywords(one.subscriber.profile), papers=len(one.papers), mean=one.mean, days=days)


class ChangeOut(BaseModel):
    """How one issue of the second profile differs."""

    day: date
    added: list[str]
    dropped: list[str]
    moved: int


class SimulationOut(BaseModel):
    """What a profile would have received on each of the last days, and what another one would change."""

    subscriber: str
    first: date
    last: date
    announced: bool = Field(description="The corpus came in one go: each paper counts for the day it was listed.")
    profiles: list[WalkOut]
    changes: list[ChangeOut]

    @classmethod
    def of(cls, simulated: Sequence[Simulation], changes: Iterable[Change]) -> "SimulationOut":
        """As it is shown."""
        first = simulated[0]
        return cls(
            subscriber=first.subscriber.email,
            first=first.first,
            last=first.last,
            announced=first.announced,
            profiles=[WalkOut.of(one) for one in simulated],
            changes=[
                ChangeOut(day=one.day, added=_keys(one.added), dropped=_keys(one.dropped), moved=one.moved)
                for one in changes
            ],
        )


def _matches(matches: Iterable[Match]) -> list[MatchOut]:
    return [MatchOut.model_validate(match) for match in matches]


def _keys(papers: Iterable[RankedPaper]) -> list[str]:
    return [ranked.paper.key for ranked in papers]
