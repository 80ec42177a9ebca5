"""The tables. ``migrations/`` builds them; a test keeps the two equal."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

#: the newest migration, which this version of digestmail needs
SCHEMA_VERSION = "0008"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC instants, also on SQLite, which stores none of the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Refuse naive times: they are a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Give back what was stored, as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

#: one row per work; the id is what the ledger holds, so that a work may get a better key later
paper = Table(
    "paper",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("author_count", Integer),
    Column("organization", Text),
    Column("categories", JSON, nullable=False),
    Column("doi", Text),
    Column("version", Integer),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    Column("venue", Text),
    Column("published", Date),
    Column("listed", Date),
    Column("upvotes", Integer),
    Column("comments", Integer),
    Column("citations", Integer),
    Column("url", Text),
    Column("code_url", Text),
    Column("project_url", Text),
    Column("open_access_url", Text),
    Column("source", Text, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False, index=True),
    # the day it belongs to in the archive: announced, else first seen
    Column("day", Date, index=True),
)

#: every key under which a work is known: arxiv:…, doi:…, url:…, title:…; works may share a title
paper_identity = Table(
    "paper_identity",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), primary_key=True, index=True),
)

#: from when on an index of publications is asked again what it knows of a paper
enrichment = Table(
    "enrichment",
    metadata,
    Column("enricher", Text, primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), primary_key=True, index=True),
    Column("ask_again", UtcDateTime, nullable=False),
)

#: append-only: what happened to papers after they were promised to somebody
change = Table(
    "change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False, server_default=""),
    Column("after", Text, nullable=False, server_default=""),
)

#: which readers have been promised to be told of which changes; written in the transaction that plans the delivery
followup = Table(
    "followup",
    metadata,
    Column("subscriber_id", ForeignKey("subscriber.id"), primary_key=True),
    Column("change_id", ForeignKey("change.id"), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False, index=True),
)

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    # lower case: RFC 5321 §2.4 lets a server tell Ann@ from ann@, but a reader who gets everything twice does not
    Column("email_key", Text, nullable=False, unique=True),
    # the keywords as people write them: the syntax is the format
    Column("keywords", JSON, nullable=False),
    Column("gate", Text, nullable=False, server_default="normal"),
    Column("cadence", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("max_papers", Integer),
    Column("language", Text),
    Column("status", Text, nullable=False, index=True),
    Column("origin", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # raised to make all earlier links of a reader worthless
    Column("token_version", Integer, nullable=False, server_default="0"),
    # no issue before this local date, and when the pause began: both stay until the issue that catches up is planned
    Column("paused_until", Date),
    Column("paused_at", UtcDateTime),
)

#: "more like this" and "less like this": what a subscriber thinks of a paper
feedback = Table(
    "feedback",
    metadata,
    Column("subscriber_id", ForeignKey("subscriber.id"), primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

#: one row per slot and kind; the unique constraint is what makes a second run harmless
delivery = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber_id", ForeignKey("subscriber.id"), nullable=False),
    Column("slot", Date, nullable=False),
    # an issue, or a letter about the subscription itself
    Column("kind", Text, nullable=False, server_default="issue"),
    Column("status", Text, nullable=False),
    # the compiled template it was planned with; none for plans that are older than this column
    Column("template", ForeignKey("template.hash")),
    Column("planned_at", UtcDateTime, nullable=False),
    # how often the operator has asked for it anew; a new generation has a new Message-ID
    Column("generation", Integer, nullable=False, server_default="0"),
    # fixed when it is planned: the sender may change before it is sent
    Column("message_id", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("fence", Integer, nullable=False, default=0),
    # set and durable before what cannot be taken back: the final dot, the link of a file
    Column("committed", Boolean, nullable=False, server_default=false()),
    # SHA-256 of the content that was last committed to
    Column("digest", Text),
    # while it is being sent: the process that claimed it, and until when the claim holds
    Column("owner", Text),
    Column("lease_until", UtcDateTime, index=True),
    # while it waits, and only then: from when on it may be claimed
    Column("next_at", UtcDateTime, index=True),
    # processes that died while they had it, and ends whose outcome nobody knows
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("ambiguous", Integer, nullable=False, server_default="0"),
    Column("settled_at", UtcDateTime),
    # the last answer: its status code (RFC 3463, else RFC 5321) and its words
    Column("code", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, default=""),
    UniqueConstraint("subscriber_id", "slot", "kind", name="uq_delivery_slot"),
    Index("ix_delivery_status", "status", "slot"),
    # letters are few, and must be found at once among any number of issues that wait
    Index(
        "ix_delivery_letter",
        "next_at",
        sqlite_where=text("kind <> 'issue'"),
        postgresql_where=text("kind <> 'issue'"),
    ),
    Index("ix_delivery_message_id", "message_id", unique=True),
)

#: what a message is rendered from on every attempt: papers in order, scores, matches, counts. Apart from the delivery,
#: whose state changes three times a message: SQLite writes a row whole
plan = Table(
    "plan",
    metadata,
    Column("delivery_id", ForeignKey("delivery.id"), primary_key=True),
    Column("content", JSON, nullable=False),
)

#: append-only: all that happened to deliveries
attempt = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False, index=True),
    Column("fence", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("event", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
)

#: compiled templates that deliveries were planned with, by their hash: every attempt renders the same bytes
template = Table(
    "template",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("parts", JSON, nullable=False),
)

#: papers as they were when an issue was planned; sources may tell more of them before it is sent
paper_snapshot = Table(
    "paper_snapshot",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), nullable=False),
    Column("facts", JSON, nullable=False),
)

#: append-only: what is known of an address (bounces, complaints, unsubscribes, replies) and what was decided
address_event = Table(
    "address_event",
    metadata,
    Column("id", Integer, primary_key=True),
    # none when no subscriber could be made out
    Column("subscriber_id", ForeignKey("subscriber.id"), index=True),
    Column("delivery_id", ForeignKey("delivery.id"), index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("decision", Text, nullable=False),
    # SHA-256 of the message that said so: one that is read twice counts once
    Column("digest", Text, unique=True),
)

#: what has been promised to whom; written in the transaction that plans the delivery
ledger = Table(
    "ledger",
    metadata,
    Column("subscriber_id", ForeignKey("subscriber.id"), primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False, index=True),
)

#: append-only: what each source answered
fetch = Table(
    "fetch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("announced", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    # known works of which it told something that was not known
    Column("revised", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False),
    # empty when the source answered
    Column("error", Text, nullable=False, default=""),
    # why there was nothing new
    Column("quiet", Text),
    # the days it could not give, as lists: first, last, why, lost
    Column("gaps", JSON, nullable=False, server_default="[]"),
    # all it announced up to and including this day is in the corpus
    Column("covered", Date),
    # it asked not to be asked again before
    Column("retry_at", UtcDateTime),
)

#: the state of each address when its answer was stored: HTTP's ETag and Last-Modified
validator = Table(
    "validator",
    metadata,
    Column("source", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
)

#: papers that a reader has put aside
saved = Table(
    "saved",
    metadata,
    Column("subscriber_id", ForeignKey("subscriber.id"), primary_key=True),
    Column("paper_id", ForeignKey("paper.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

#: addresses that were erased, as keyed hashes: an old list must not bring them back
tombstone = Table(
    "tombstone",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

#: who asks to be on the list, until they have confirmed it or a week has passed
signup = Table(
    "signup",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("email", Text, nullable=False),
    # what the form said, by the names of its fields
    Column("wishes", JSON, nullable=False),
    # the letter that asks whether it was them; none while nobody has looked at it
    Column("delivery_id", ForeignKey("delivery.id"), index=True),
)

#: what somebody did who may do it only so often: by address, by network, all together
limited = Table(
    "limited",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_limited", "scope", "digest", "at"),
)
