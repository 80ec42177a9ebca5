"""What headers, links and signatures of one message cost.

``python -m benchmarks.signing``. A message of 40 KB for each of many readers of one list; CPU time on one core, the
best of several rounds. The baseline writes the same headers with ``email.message.EmailMessage`` and signs with dkimpy.
"""

import argparse
import base64
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digestmail.mail.dkim import DkimKey, signed
from digestmail.mail.links import routes_of
from digestmail.mail.message import build_message
from digestmail.mail.tokens import Tokens
from digestmail.model import Encoded, Issue, MailingList, Receipt, Subscriber

_NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
_LIST = MailingList(
    name="Daily Papers",
    sender_name="Daily Papers",
    sender_address="papers@example.org",
    base_url="https://papers.example.org",
    bounce_address="bounces@example.org",
    reply_to="editor@example.org",
)
_TOKENS = Tokens(b"a secret of the benchmark")
_LINE = b"Attention is measured on nine benchmarks =E2=80=93 and the rule keeps it.=\r\n"
_WORDS = Encoded("Nine papers about attention", (_LINE * 490,), (_LINE * 50,))
_SIGNED = (b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post")


def issues(number: int) -> list[Issue]:
    """Issues of readers who are all different."""
    readers = (
        Subscriber(uid=uuid.UUID(int=place).hex, email=f"reader{place}@example.org", created_at=_NOW)
        for place in range(number)
    )
    one = Issue(
        mailing_list=_LIST,
        subscriber=next(readers),
        slot=_NOW.date(),
        papers=(),
        receipt=Receipt(),
        composed_at=_NOW,
    )
    return [replace(one, subscriber=reader) for reader in readers]


def microseconds(make: Callable[[Issue], object], batch: Sequence[Issue], rounds: int) -> float:
    """CPU time of one message, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for issue in batch:
            make(issue)
        best = min(best, time.process_time() - began)
    return best / len(batch) * 1e6


def built(issue: Issue) -> bytes:
    """The message with its reader's links."""
    return build_message(issue, _WORDS, routes_of(_LIST, _TOKENS, issue.subscriber)).content


def by_the_standard_library(headers: Sequence[tuple[str, str]]) -> bytes:
    """The same headers, written by ``EmailMessage`` over a body that is encoded already."""
    message = EmailMessage(SMTP)
    for name, value in headers:
        message[name] = value
    return b"".join((message.as_bytes(), *_WORDS.text, *_WORDS.html))


def _headers(issue: Issue) -> list[tuple[str, str]]:
    parsed = message_from_bytes(built(issue).partition(b"\r\n\r\n")[0])
    return [(name, value.replace("\r\n", "")) for name, value in parsed.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    batch = issues(options.messages + 1)
    few = batch[: max(10, options.messages // 20)]
    rsa = DkimKey("example.org", "rsa", generate_private_key(65537, 2048))
    seed = bytes(range(32))
    short = DkimKey("example.org", "ed", Ed25519PrivateKey.from_private_bytes(seed))
    pem = rsa.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    content = built(batch[0])
    headers = {issue.subscriber.uid: _headers(issue) for issue in few}

    def dkimpy(key: bytes, algorithm: bytes) -> Callable[[Issue], object]:
        return lambda _: dkim.sign(
            content,
            b"s",
            b"example.org",
            key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=list(_SIGNED),
            signature_algorithm=algorithm,
        )

    costs = {
        "links and return path of a reader": microseconds(
            lambda issue: routes_of(_LIST, _TOKENS, issue.subscriber), batch, options.rounds
        ),
        "message with links": microseconds(built, batch, options.rounds),
        "headers by EmailMessage (baseline)": microseconds(
            lambda issue: by_the_standard_library(headers[issue.subscriber.uid]), few, options.rounds
        ),
        "DKIM RSA-2048": microseconds(lambda _: signed(content, [rsa]), batch, options.rounds),
        "DKIM RSA-2048 by dkimpy (baseline)": microseconds(dkimpy(pem, b"rsa-sha256"), few, options.rounds),
        "DKIM Ed25519": microseconds(lambda _: signed(content, [short]), batch, options.rounds),
        "DKIM Ed25519 by dkimpy (baseline)": microseconds(
            dkimpy(base64.b64encode(seed), b"ed25519-sha256"), few, options.rounds
        ),
        "DKIM both": microseconds(lambda _: signed(content, [rsa, short]), batch, options.rounds),
    }
    if options.json:
        print(json.dumps({"microseconds": costs, "message_bytes": len(content)}))
        return
    print(f"{len(content) / 1024:.1f} KB a message")
    for name, cost in costs.items():
        print(f"{name:38} {cost:10,.1f} us")


if __name__ == "__main__":
    main()
