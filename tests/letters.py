"""What mail systems and people send to a newsletter, in the forms that they use and in words of our own."""

from textwrap import dedent

from digestmail.mail.tokens import Purpose, Tokens

READER = "reader@example.org"


def token_of(reader: str) -> str:
    """What stands in the return path of this reader's messages."""
    return Tokens(b"a secret of the tests").address(Purpose.BOUNCE, f"uid-{reader}")


TOKEN = token_of(READER)
RETURN_PATH = f"bounces+{TOKEN}@papers.example"
MESSAGE_ID = "<aaaabbbbccccddddeeeeffff22@papers.example>"


def _mail(text: str) -> bytes:
    return dedent(text).lstrip("\n").replace("\n", "\r\n").encode()


def _indented(text: str) -> str:
    return text.replace("\n", "\n        ")


def original(reader: str = READER, message_id: str = MESSAGE_ID) -> str:
    """The headers of what came back."""
    return _indented(
        f"Return-Path: <{RETURN_PATH}>\n"
        "From: Daily Papers <papers@papers.example>\n"
        f"To: {reader}\n"
        "Subject: Daily Papers: three for you\n"
        f"Message-ID: {message_id}\n"
        "List-Id: Daily Papers <daily-papers.papers.example>"
    )


def postfix(
    *,
    code: str = "5.1.1",
    action: str = "failed",
    reader: str = READER,
    to: str = RETURN_PATH,
    returned: str | None = None,
    diagnostic: str = "550 5.1.1 no mailbox of this name",
) -> bytes:
    """A delivery status notification as Postfix writes it."""
    return _mail(f"""
        Return-Path: <>
        Delivered-To: {to}
        From: MAILER-DAEMON@relay.example (Mail Delivery System)
        Subject: Undelivered Mail Returned to Sender
        To: {to}
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
        \tboundary="4F2A.1782813600/relay.example"
        Message-Id: <20260630.4F2A@relay.example>

        This is a MIME-encapsulated message.

        --4F2A.1782813600/relay.example
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        This is the mail system at host relay.example.

        <{reader}>: host mx.example.org[192.0.2.25] said: {diagnostic}
            (in reply to RCPT TO command)

        --4F2A.1782813600/relay.example
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; relay.example
        X-Postfix-Queue-ID: 4F2A
        X-Postfix-Sender: rfc822; {to}
        Arrival-Date: Tue, 30 Jun 2026 12:00:00 +0000 (UTC)

        Final-Recipient: rfc822; {reader}
        Original-Recipient: rfc822;{reader}
        Action: {action}
        Status: {code}
        Remote-MTA: dns; mx.example.org
        Diagnostic-Code: smtp; {diagnostic}

        --4F2A.1782813600/relay.example
        Content-Description: Undelivered Message Headers
        Content-Type: text/rfc822-headers

        {original(reader) if returned is None else returned}

        --4F2A.1782813600/relay.example--
        """)


def several_recipients() -> bytes:
    """One notification about three recipients of a forwarding address."""
    return _mail(f"""
        From: postmaster@forward.example
        To: {RETURN_PATH}
        Subject: Delivery Status Notification
        Content-Type: multipart/report; report-type=delivery-status; boundary=b1

        --b1
        Content-Type: message/delivery-status

        Reporting-MTA: dns; forward.example

        Final-Recipient: rfc822;ann@example.org
        Action: failed
        Status: 5.1.1

        Final-Recipient: rfc822;<bob@example.org>
        Action: delayed
        Status: 4.4.1

        Final-Recipient: rfc822;cara@example.org
        Action: relayed
        Status: 2.0.0

        --b1--
        """)


def exim(code: str = "550 5.1.1 Unknown user") -> bytes:
    """A report of an older Exim: words, and a header that names whom it is about."""
    return _mail(f"""
        Return-path: <>
        Envelope-to: {RETURN_PATH}
        X-Failed-Recipients: {READER}
        Auto-Submitted: auto-replied
        From: Mail Delivery System <Mailer-Daemon@exim.example>
        To: {RETURN_PATH}
        Subject: Mail delivery failed: returning message to sender
        Message-Id: <E1abcde-0001Ab-2C@exim.example>

        This message was created automatically by mail delivery software.

        A message that you sent could not be delivered to one or more of its
        recipients. This is a permanent error. The following address failed:

          {READER}
            host mx.example.org [192.0.2.25]
            SMTP error from remote mail server after RCPT TO:<{READER}>:
            {code}

        ------ This is a copy of the message, including all the headers. ------

        {original()}

        Three papers.
        """)


def gmail() -> bytes:
    """Gmail's notification: the human part has three forms, the reference is in the headers."""
    return _mail(f"""
        Delivered-To: {RETURN_PATH}
        Return-Path: <>
        From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
        To: {RETURN_PATH}
        Auto-Submitted: auto-replied
        Subject: Delivery Status Notification (Failure)
        References: {MESSAGE_ID}
        In-Reply-To: {MESSAGE_ID}
        X-Failed-Recipients: {READER}
        Message-ID: <1a2b3c.google.example>
        Content-Type: multipart/report; boundary="00000000"; report-type=delivery-status

        --00000000
        Content-Type: multipart/related; boundary="00000001"

        --00000001
        Content-Type: multipart/alternative; boundary="00000002"

        --00000002
        Content-Type: text/plain; charset="UTF-8"

        ** Address not found **

        Your message was not delivered to {READER} because the address cannot be found.

        --00000002
        Content-Type: text/html; charset="UTF-8"

        <p>Address not found</p>

        --00000002--

        --00000001--

        --00000000
        Content-Type: message/delivery-status

        Reporting-MTA: dns; googlemail.com
        X-Original-Message-ID: {MESSAGE_ID}

        Final-Recipient: rfc822; {READER}
        Action: failed
        Status: 5.1.1
        Remote-MTA: dns; mx.example.org. (192.0.2.25, the server for the domain example.org.)
        Diagnostic-Code: smtp; 550-5.1.1 The account that you tried to reach does not exist.
         550 5.1.1 Look for typing errors.

        --00000000
        Content-Type: message/rfc822

        {original()}

        Three papers.
        --00000000--
        """)


def microsoft(code: str = "5.1.10") -> bytes:
    """A non-delivery report of Microsoft 365."""
    return _mail(f"""
        From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@tenant.example>
        To: <{RETURN_PATH}>
        Subject: Undeliverable: Daily Papers: three for you
        Auto-Submitted: auto-replied
        X-Auto-Response-Suppress: All
        In-Reply-To: {MESSAGE_ID}
        Content-Type: multipart/report; report-type=delivery-status;
         boundary="_000_DB9_"

        --_000_DB9_
        Content-Type: multipart/alternative; differences=Content-Type; boundary="_001_DB9_"

        --_001_DB9_
        Content-Type: text/plain; charset="us-ascii"
        Content-Transfer-Encoding: quoted-printable

        Your message to {READER.replace("@", "=40")} couldn't be delivered.

        --_001_DB9_--

        --_000_DB9_
        Content-Type: message/delivery-status

        Reporting-MTA: dns;DB9.tenant.example
        Received-From-MTA: dns;relay.example
        Arrival-Date: Tue, 30 Jun 2026 12:00:00 +0000

        Final-Recipient: rfc822;{READER}
        Action: failed
        Status: {code}
        Diagnostic-Code: smtp;550 {code} RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup

        --_000_DB9_
        Content-Type: message/rfc822

        {original()}

        Three papers.
        --_000_DB9_--
        """)


def ses() -> bytes:
    """What Amazon SES sends on: the Message-ID is one of its own, the link in List-Unsubscribe is still ours."""
    return _mail(f"""
        From: MAILER-DAEMON@eu-west-1.amazonses.example
        To: papers@papers.example
        Subject: Delivery Status Notification (Failure)
        Content-Type: multipart/report; boundary="=_ses_1"; report-type=delivery-status

        --=_ses_1
        Content-Type: text/plain; charset=us-ascii

        An error occurred while trying to deliver the mail to the following recipients:
        {READER}
        --=_ses_1
        Content-Type: message/delivery-status

        Reporting-MTA: dns; a7-30.smtp-out.eu-west-1.amazonses.example

        Action: failed
        Final-Recipient: rfc822; {READER}
        Diagnostic-Code: smtp; 550 5.1.1 user unknown
        Status: 5.1.1

        --=_ses_1
        Content-Type: message/rfc822

        From: Daily Papers <papers@papers.example>
        To: {READER}
        Message-ID: <0102019abc@eu-west-1.amazonses.example>
        List-Unsubscribe: <https://papers.example/u/{TOKEN}>,
         <mailto:papers@papers.example?subject=unsubscribe%20{TOKEN}>

        Three papers.
        --=_ses_1--
        """)


def qmail(code: str = "5.1.1") -> bytes:
    """qmail's own format (https://cr.yp.to/proto/qsbmf.txt)."""
    return _mail(f"""
        Return-Path: <>
        From: MAILER-DAEMON@qmail.example
        To: {RETURN_PATH}
        Subject: failure notice

        Hi. This is the qmail-send program at qmail.example.
        I'm afraid I wasn't able to deliver your message to the following addresses.
        This is a permanent error; I've given up. Sorry it didn't work out.

        <{READER}>:
        Sorry, no mailbox here by that name. (#{code})

        --- Below this line is a copy of the message.

        {original()}

        Three papers.
        """)


def arf(*, feedback: str = "abuse", returned: str | None = None) -> bytes:
    """A complaint as Yahoo's feedback loop writes it (RFC 5965)."""
    return _mail(f"""
        From: feedback@arf.mail.example
        To: fbl@papers.example
        Subject: FW: Daily Papers: three for you
        Content-Type: multipart/report; report-type=feedback-report; boundary="arf1"

        --arf1
        Content-Type: text/plain; charset="US-ASCII"

        This is an email abuse report for an email message received from relay.example.

        --arf1
        Content-Type: message/feedback-report

        Feedback-Type: {feedback}
        User-Agent: Feedback/2.0
        Version: 1
        Original-Mail-From: <{RETURN_PATH if returned is None else "bounces@papers.example"}>
        Original-Rcpt-To: <{READER}>
        Reported-Domain: papers.example

        --arf1
        Content-Type: message/rfc822

        {original() if returned is None else returned}

        Three papers.
        --arf1--
        """)


def outlook_complaint() -> bytes:
    """A complaint as Outlook's programme for junk mail reports writes it, which is older than ARF."""
    return _mail(f"""
        From: staff@outlook.example
        To: fbl@papers.example
        Subject: complaint about message from 192.0.2.25
        Content-Type: multipart/mixed; boundary="jmr1"

        --jmr1
        Content-Type: message/rfc822

        X-HmXmrOriginalRecipient: {READER}
        {original()}

        Three papers.
        --jmr1--
        """)


def unsubscribe(*, sender: str = READER, to: str = "papers@papers.example", subject: str = "unsubscribe") -> bytes:
    """What a mail program writes when somebody presses "unsubscribe"."""
    return _mail(f"""
        From: A Reader <{sender}>
        To: {to}
        Subject: {subject}
        Message-ID: <{len(subject)}.{len(sender)}.{len(to)}@phone.example>

        This message was written by your mail program.
        """)


def letter(*, subject: str = "Re: Daily Papers: three for you", sender: str = READER, headers: str = "") -> bytes:
    """What a person, or a person's machine, writes."""
    extra = _indented(f"{headers}\n" if headers else "")
    return _mail(f"""
        From: A Reader <{sender}>
        To: papers@papers.example
        Subject: {subject}
        {extra}In-Reply-To: {MESSAGE_ID}

        Thank you, the second paper was good.
        """)


EXCHANGE_AWAY = letter(
    subject="Automatic reply: Daily Papers: three for you",
    headers="Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All",
)
GMAIL_AWAY = letter(
    subject="On the road until Monday Re: Daily Papers: three for you",
    headers="Auto-Submitted: auto-replied\nPrecedence: bulk\nX-Autoreply: yes",
)
