"""Mail servers, over SMTP submission (RFC 6409, RFC 8314): one message, one recipient, one transaction.

::

    SmtpTransport   rate limits, and which relay: fails over while nothing was handed over
    └── relays      one relay each: health, how many at once, connections kept, what an error means
        └── connection   one conversation, phase by phase
            └── wire     one socket: whole replies within deadlines and bounds
    settings: what it is told; replies, message, login, pace: pure

``smtplib`` has one time-out for each read, no bound on a reply, verifies no certificate unless told to, and does not
tell a connection lost before the message was handed over from one lost after it.
"""

from digestmail.transports.smtp.pace import OTHER_DOMAINS, Limits
from digestmail.transports.smtp.settings import Deadlines, Relay
from digestmail.transports.smtp.transport import SmtpTransport

__all__ = ["OTHER_DOMAINS", "Deadlines", "Limits", "Relay", "SmtpTransport"]
