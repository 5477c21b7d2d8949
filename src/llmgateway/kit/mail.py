"""Mail: by SMTP, or to the console where no server is set."""

import asyncio
import smtplib
import ssl
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

_SECONDS = 15.0
_ENCODED_WORD = "=?"
"""How an encoded word begins (RFC 2047). The email package decodes it, and what comes out may begin new header fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One plain-text message."""

    to: str
    subject: str
    text: str


class MailFailed(Exception):
    """The mail could not be sent: it is malformed, or the server did not take it. Another try may succeed."""


class Mailer(Protocol):
    """Where mail goes."""

    async def send(self, mail: Mail) -> None:
        """Hand it over. Raises MailFailed."""
        ...


class ConsoleMailer:
    """Prints each mail, for development."""

    async def send(self, mail: Mail) -> None:
        sys.stderr.write(f"\n--- mail to {mail.to}: {mail.subject}\n{mail.text}\n---\n")
        sys.stderr.flush()


class SmtpMailer:
    """Over `smtp://`, `smtp+starttls://` or `smtps://USER:PASSWORD@HOST:PORT`."""

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        try:
            await asyncio.to_thread(self._deliver, self._message(mail))
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise MailFailed(str(error) or type(error).__name__) from error

    def _message(self, mail: Mail) -> EmailMessage:
        """The message as the email package has it. Raises ValueError for a malformed address."""
        if _ENCODED_WORD in mail.to:
            raise ValueError("the address holds an encoded word")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, _one_line(mail.subject)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=parseaddr(self._sender)[1].rpartition("@")[2] or None)
        message.set_content(mail.text)
        return message

    def _deliver(self, message: EmailMessage) -> None:
        host = self._url.hostname or "localhost"
        context = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._url.port or 465, timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, self._url.port or 587, timeout=_SECONDS)
        with closing(server):
            if self._url.scheme == "smtp+starttls":
                server.starttls(context=context)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            server.send_message(message)
            with suppress(OSError):  # the server has it: a bad goodbye is no reason to send it again
                server.quit()


def _one_line(subject: str) -> str:
    """The subject on one line, since it holds names that people choose."""
    return " ".join(subject.split()).replace(_ENCODED_WORD, "= ?")
