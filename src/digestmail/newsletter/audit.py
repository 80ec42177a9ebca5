"""Audit: does every paper of every slot have its place? Counted anew from papers and ledger, not from reports."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from digestmail.model import DeliveryStatus
from digestmail.newsletter import Newsletter
from digestmail.storage.audits import Counted

#: what became of the papers that were promised, by the status of their delivery
PROMISED = (
    DeliveryStatus.SENT,
    DeliveryStatus.PLANNED,
    DeliveryStatus.SENDING,
    DeliveryStatus.DEFERRED,
    DeliveryStatus.HELD,
    DeliveryStatus.FAILED,
    DeliveryStatus.CANCELLED,
)
EXPIRED, CARRIED, BELOW, EXCLUDED = "expired", "carried over", "below threshold", "negative keyword"
WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class Audit:
    """All slots together."""

    slots: int = 0
    #: pairs of a slot and a paper that could have been in it
    candidates: int = 0
    #: how many of these were sent, carried over and so on; they add up to the candidates
    places: Counter[str] = field(default_factory=Counter)
    #: slots whose plan is too old to be counted anew
    unchecked: int = 0
    #: one line for each thing that does not add up
    faults: list[str] = field(default_factory=list)


def audit(newsletter: Newsletter) -> Audit:
    """Check every slot: its candidates were sent, wait, or are in one of the places above.

    The changes that an issue tells must be on record for it, too.
    """
    done = Audit()
    for counted in newsletter.store.audits.count():
        done.slots += 1
        done.unchecked += counted.candidates is None
        done.candidates += counted.receipt.candidates
        done.places += _places(counted)
        done.faults += _faults(counted)
    return done


def _places(counted: Counted) -> Counter[str]:
    receipt = counted.receipt
    status = EXPIRED if counted.expired else str(counted.status)
    return Counter(
        {
            status: counted.promised,
            CARRIED: receipt.carried,
            BELOW: receipt.below,
            EXCLUDED: receipt.excluded,
            # seldom any
            **({WITHDRAWN: receipt.withdrawn} if receipt.withdrawn else {}),
        }
    )


def _faults(counted: Counted) -> Iterator[str]:
    where, receipt = f"{counted.email} {counted.slot}", counted.receipt
    if counted.candidates is not None and counted.candidates != receipt.candidates:
        yield f"{where}: {receipt.candidates} candidates were weighed, {counted.candidates} are counted"
    if sum(_places(counted).values()) != receipt.candidates:
        yield f"{where}: the places of its papers add up to {sum(_places(counted).values())}, not {receipt.candidates}"
    if counted.astray or counted.planned != counted.promised:
        yield f"{where}: {counted.planned} papers are planned, the ledger has {counted.promised} for it"
    if counted.untold:
        yield f"{where}: it tells of other changes than are on record for it"
    if min(receipt.carried, receipt.below, receipt.excluded) < 0:
        yield f"{where}: more papers were chosen than there were"
    if not counted.logged:
        yield f"{where}: it counts as sent, and no attempt on record ended so"
