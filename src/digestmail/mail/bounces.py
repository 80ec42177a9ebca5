"""What a message that came back, or came in, says. Pure: bytes go in, an ``Incoming`` comes out.

What it says is told apart from whom it is about and from what is done: tokens and Message-IDs are handed on as they
were found, ``newsletter.inbound`` looks them up and decides. Everything in here was written by strangers.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from urllib.parse import unquote

from digestmail.errors import InputError
from digestmail.mail.parsing import MAX_PARSED, addresses, blocks, header, parameter, parse, parts, words
from digestmail.mail.reports import Incoming, Kind, Report
from digestmail.mail.statuses import Fault, fault_of, status_code
from digestmail.text.clean import clean_line, shorten

_NOTE = 200
# flufl.bounce tries every line of the body against some seventy expressions
_MAX_HEURISTIC = 64 * 1024
_MAX_FOUND = 20
_MAX_RETURNED = 2000
_DAEMONS = {"mailer-daemon", "postmaster", "mail-daemon", "maildaemon", "mdaemon", "mmdf", "daemon"}
_DAEMON_PREFIXES = ("mailer-daemon", "microsoftexchange")
# where it arrived, nearest to the envelope first
_ENVELOPE = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
_RETURNED_ID = re.compile(rb"^[> \t]*message-id:\s{0,9}(<[^<>\s]{3,250}>)", re.IGNORECASE | re.MULTILINE)
# what we sent names its reader in its return path and in its unsubscribe link, and a report returns both
_RETURNED_TOKENS = re.compile(
    rb"^[> \t]*(?:return-path|original-mail-from|list-unsubscribe):((?:[^\n]{0,998}\n[ \t])*[^\n]{0,998})",
    re.IGNORECASE | re.MULTILINE,
)
_RETURNED_RECIPIENT = re.compile(rb"^X-HmXmrOriginalRecipient:([^\r\n]{3,320})", re.IGNORECASE | re.MULTILINE)
_PLUS = re.compile(r"[A-Za-z0-9._=-]{0,64}\+([A-Za-z0-9._=-]{4,64})@")
_SUBJECT_TOKEN = re.compile(r"subject=unsubscribe(?:\+|\s)+([A-Za-z0-9._=-]{4,200})", re.IGNORECASE)
_LAST_SEGMENT = re.compile(r"https?://[^\s>]{1,400}/([A-Za-z0-9._~=-]{4,400})>", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"unsubscribe(?:[\s:]+([A-Za-z0-9._=-]{4,200}))?", re.IGNORECASE)
# what ``mail.links`` puts into the mail that a reader answers an issue with, perhaps with "Re:" before it
_FEEDBACK = re.compile(r"(?:[A-Za-z]{2,4}:\s*)?feedback\s+([A-Za-z0-9._~=-]{20,400})", re.IGNORECASE)
_WISH = re.compile(r"\s{0,9}(more|less|save|mute|undo)\s{1,9}([0-9]{1,3})[\s.]{0,9}", re.IGNORECASE | re.ASCII)
# a weak hint, used only where no header says it: English, German, French, Spanish, Chinese
_AWAY = re.compile(
    r"out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|on (?:vacation|leave)"
    r"|abwesenheit|automatische antwort|nicht im (?:büro|haus)|réponse automatique|absen(?:t|ce) du bureau"
    r"|respuesta automática|fuera de la oficina|自动回复|自動回覆|自动答复|不在办公室",
    re.IGNORECASE,
)
_COMPLAINTS = {"abuse", "fraud"}


def understand(raw: bytes, *, recipients: Sequence[str] = ()) -> Incoming:
    """Say what a message says. ``recipients`` are those of its envelope, where they are known.

    Raises InputError for what cannot be read at all.
    """
    message = parse(raw)
    if not message.keys():
        raise InputError("no message: it has no headers")
    reports = tuple(_reports(message, raw))
    return Incoming(
        digest=hashlib.sha256(raw.replace(b"\r\n", b"\n").strip()).hexdigest(),
        tokens=_tokens(message, raw, recipients),
        message_ids=_message_ids(message, raw),
        reports=reports,
    )


def _reports(message: Message, raw: bytes) -> Iterator[Report]:
    found = [*_complaints(message, raw)] or [*_delivery_statuses(message)]
    if not found and _from_daemon(message):
        found = [*_heuristics(message, raw)] or [Report(kind=Kind.UNCLEAR, note=_subject(message))]
    yield from found or [_from_somebody(message)]


# -- delivery status notifications (RFC 3464) -----------------------------------------------------------------------


def _delivery_statuses(message: Message) -> Iterator[Report]:
    status = next(parts(message, "message/delivery-status"), None)
    for block in blocks(status) if status else ():
        named = (*addresses(header(block, "Original-Recipient")), *addresses(header(block, "Final-Recipient")))
        action = header(block, "Action").lower()
        if named or action:
            yield _delivery_status(block, action, tuple(dict.fromkeys(named)))


def _delivery_status(block: Message, action: str, named: tuple[str, ...]) -> Report:
    status, diagnostic = header(block, "Status"), header(block, "Diagnostic-Code")
    code = status_code(status, diagnostic)
    note = _note(diagnostic.partition(";")[2] or diagnostic or status)
    # "error" is OpenSMTPD's
    if action.startswith(("fail", "error")) or (not action and code.startswith("5")):
        kind = _kind_of(code)
    elif action.startswith("delay") or (not action and code.startswith("4")):
        kind = Kind.DELAYED
    else:
        kind = Kind.NOTICE
    return Report(kind=kind, addresses=named, code=code, note=note)


def _kind_of(code: str) -> Kind:
    return {Fault.ADDRESS: Kind.HARD, Fault.MAILBOX: Kind.SOFT, Fault.OURS: Kind.BLOCKED}[fault_of(code)]


# -- reports that follow no standard --------------------------------------------------------------------------------


def _from_daemon(message: Message) -> bool:
    if message.get("X-Failed-Recipients"):
        return True
    senders = addresses(header(message, "From")) or (header(message, "From"),)
    local = senders[0].partition("@")[0].lower()
    return local in _DAEMONS or local.startswith(_DAEMON_PREFIXES)


def _heuristics(message: Message, raw: bytes) -> Iterator[Report]:
    # imported here: it takes a while, and few reports need it
    from flufl.bounce import all_failures

    beginning = message if len(raw) <= _MAX_HEURISTIC else parse(raw[:_MAX_HEURISTIC])
    try:
        temporary, permanent = all_failures(beginning)
    except Exception:  # noqa: BLE001 - seventy guesses at text of any kind; what they stumble over is theirs
        return
    # what comes after the first line of the returned message is ours, not theirs
    said = re.split(r"(?m)^-{3,}.*(?:copy|original|returned)", words(message), maxsplit=1)[0]
    code = status_code(said)
    for kind, found in ((Kind.DELAYED, temporary), (_kind_of(code), permanent)):
        for address in sorted(found)[:_MAX_FOUND]:
            named = addresses(address.decode("ascii", "replace"))
            yield Report(kind=kind, addresses=named, code=code, note=_note(_line_with(code, said) or _subject(message)))


def _line_with(code: str, said: str) -> str:
    return next((line for line in said.splitlines() if code and code in line), "")


# -- complaints (RFC 5965, and Outlook's, which are older) ------------------------------------------------------------


def _complaints(message: Message, raw: bytes) -> Iterator[Report]:
    for part in parts(message, "message/feedback-report"):
        for fields in blocks(part)[:1]:
            named_in = (header(fields, name) for name in ("Original-Rcpt-To", "Removal-Recipient"))
            yield Report(
                kind=_feedback(header(fields, "Feedback-Type").lower()),
                addresses=addresses(" ".join(named_in)),
                note=_note(f"{header(fields, 'Feedback-Type')} {header(fields, 'User-Agent')}"),
            )
        return
    if parameter(message, "report-type") == "feedback-report":
        yield Report(kind=Kind.UNCLEAR, note=_subject(message))
    elif _subject(message).lower().startswith("complaint about message from"):
        returned = _RETURNED_RECIPIENT.search(raw[:MAX_PARSED])
        named = addresses(returned.group(1).decode("ascii", "replace")) if returned else ()
        yield Report(kind=Kind.COMPLAINT, addresses=named, note=_subject(message))


def _feedback(kind: str) -> Kind:
    if kind in _COMPLAINTS:
        return Kind.COMPLAINT
    # the reader pressed "unsubscribe" at the provider (RFC 6430); others, such as auth-failure, are not about readers
    return Kind.UNSUBSCRIBE if kind.startswith("opt-out") else Kind.NOTICE


# -- mail by people and their machines --------------------------------------------------------------------------------


def _from_somebody(message: Message) -> Report:
    sender, subject = addresses(header(message, "From")), _subject(message)
    if _FEEDBACK.fullmatch(subject):
        lines = words(message)[:_MAX_RETURNED].splitlines()
        wishes = [(found[1].lower(), int(found[2])) for line in lines if (found := _WISH.fullmatch(line))]
        return Report(kind=Kind.FEEDBACK, addresses=sender[-1:], note=subject, wishes=tuple(wishes[:_MAX_FOUND]))
    if _UNSUBSCRIBE.fullmatch(subject):
        kind = Kind.UNSUBSCRIBE
    else:
        kind = Kind.AUTOMATIC if _by_machine(message, subject) else Kind.REPLY
    # the last one stands in the angle brackets
    return Report(kind=kind, addresses=sender[-1:], note=subject)


def _by_machine(message: Message, subject: str) -> bool:
    submitted = header(message, "Auto-Submitted").lower()
    if submitted and submitted != "no":
        return True
    if any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")):
        return True
    precedence = header(message, "Precedence").lower()
    if precedence in {"auto_reply", "auto-reply", "bulk", "junk", "list"}:
        return True
    # a null return path is never a person's (RFC 5321 §4.5.5)
    return header(message, "Return-Path") == "<>" or bool(_AWAY.search(subject))


# -- what tells whom it is about --------------------------------------------------------------------------------------


def _tokens(message: Message, raw: bytes, recipients: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    arrived = [*recipients, *(header(message, name) for name in _ENVELOPE)]
    found += (match.group(1) for text in arrived for match in _PLUS.finditer(text))
    if asked := _UNSUBSCRIBE.fullmatch(_subject(message)):
        found += [asked.group(1)] if asked.group(1) else []
    if opinion := _FEEDBACK.fullmatch(_subject(message)):
        found.append(opinion.group(1))
    for returned in _found(_RETURNED_TOKENS, raw):
        text = unquote(" ".join(returned.split()))[:_MAX_RETURNED]
        found += (match.group(1) for form in (_PLUS, _SUBJECT_TOKEN, _LAST_SEGMENT) for match in form.finditer(text))
    # papers+unsub-TOKEN@example.org tells what is asked as well
    found = [text for token in found for text in (token, token.removeprefix("unsub-"))]
    return tuple(dict.fromkeys(found))[:_MAX_FOUND]


def _message_ids(message: Message, raw: bytes) -> tuple[str, ...]:
    own = header(message, "Message-ID")
    answered = re.findall(r"<[^<>\s]{3,250}>", f"{header(message, 'In-Reply-To')} {header(message, 'References')}")
    found = dict.fromkeys([*answered, *_found(_RETURNED_ID, raw)])
    return tuple(identity for identity in found if identity != own)[:_MAX_FOUND]


def _found(pattern: re.Pattern[bytes], raw: bytes) -> list[str]:
    matches = (match.group(1).decode("ascii", "replace") for match in pattern.finditer(raw[:MAX_PARSED]))
    return [found for found, _ in zip(matches, range(_MAX_FOUND), strict=False)]


def _subject(message: Message) -> str:
    return _note(header(message, "Subject"))


def _note(text: str) -> str:
    return shorten(clean_line(text), _NOTE)
