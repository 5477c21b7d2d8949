"""Mail: queued, delivered over SMTP, tried again, and never more than the one message that was meant."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from llmgateway.controlplane.reception import outbox
from llmgateway.db.models.outbox import OutboxMail
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.mail import Mail, SmtpMailer
from llmgateway.worker import Job, work
from tests.fakes.post_office import PostOffice, post_office

INJECTION = "Acme =?utf-8?q?x=0D=0ABcc=3A=20evil=40evil.test?= Ltd"
"""What an encoded word decodes to may hold line breaks, and the lines after them would be headers."""


class Mailroom:
    """The outbox, its job, and the server it delivers to."""

    def __init__(self, admin: Database, worker: Database, office: PostOffice) -> None:
        self.office = office
        self.clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
        self._admin = admin
        self._worker = worker
        self._mailer = SmtpMailer(office.url, "Gateway <gateway@us.test>")

    async def post(self, *mails: Mail) -> None:
        async with self._admin.transaction() as tx:
            for mail in mails:
                await outbox.post(tx, self.clock, mail)

    async def waiting(self) -> int:
        async with self._admin.transaction() as tx:
            return await tx.scalar(select(func.count()).select_from(OutboxMail)) or 0

    async def deliver(self) -> None:
        """All that is due."""
        while await outbox.deliver_next(self._worker, self.clock, self._mailer):
            pass


@pytest.fixture
async def room(admin: Database, database_url: str) -> AsyncIterator[Mailroom]:
    worker = Database(database_url, Role.WORKER)
    async with post_office() as office:
        yield Mailroom(admin, worker, office)
    await worker.close()


@pytest.mark.parametrize("farewell", ["221 bye", "250 OK", "421 too busy", ""])
async def test_a_mail_that_the_server_took_is_delivered_however_it_says_goodbye(room: Mailroom, farewell: str) -> None:
    room.office.farewell = farewell
    await room.post(Mail(to="ada@example.com", subject="Hello", text="Hello"))
    await room.deliver()
    assert (len(room.office.letters), await room.waiting()) == (1, 0)


async def test_a_mail_is_delivered_once_with_the_headers_that_servers_want(room: Mailroom) -> None:
    await room.post(Mail(to="ada@example.com", subject="Grüße", text="Hello\n.\nGoodbye, Ünal"))
    await room.deliver()
    await room.deliver()
    [letter] = room.office.letters
    assert letter.recipients == ["ada@example.com"]
    assert {"from", "to", "subject", "date", "message-id"} <= set(letter.headers)
    assert b"@us.test>" in letter.content
    assert room.office.logins == ["\0mail\0p@ss"]


async def test_a_name_in_a_subject_begins_no_header(room: Mailroom) -> None:
    await room.post(Mail(to="ada@example.com", subject=f"Join {INJECTION}\r\nBcc: evil@evil.test", text="Hello"))
    await room.deliver()
    [letter] = room.office.letters
    assert "bcc" not in letter.headers
    assert letter.recipients == ["ada@example.com"]
    assert letter.headers.count("subject") == 1


async def test_an_address_that_is_none_is_in_nobodys_way(room: Mailroom) -> None:
    bad = ("=?utf-8?q?x=0D=0A?=@x.test", "a\r\nb@x.test", "")
    await room.post(*(Mail(to=to, subject="Hello", text="Hello") for to in bad))
    await room.post(Mail(to="ada@example.com", subject="Hello", text="Hello"))
    await room.deliver()
    assert [letter.recipients for letter in room.office.letters] == [["ada@example.com"]]
    for _ in range(15):  # and is given up in the end
        room.clock.advance(3_700)
        await room.deliver()
    assert await room.waiting() == 0


async def test_what_a_server_does_not_take_is_tried_again_later(room: Mailroom) -> None:
    room.office.refusing = 1
    await room.post(Mail(to="ada@example.com", subject="Hello", text="Hello"))
    await room.deliver()
    assert room.office.letters == []
    room.clock.advance(11)
    await room.deliver()
    assert len(room.office.letters) == 1


async def test_a_job_that_fails_stops_neither_itself_nor_the_others() -> None:
    looks = dict[str, int]()
    enough = asyncio.Event()

    def job(name: str, error: Exception | None) -> Job:
        async def step() -> bool:
            looks[name] = looks.get(name, 0) + 1
            if error is not None:
                raise error
            if min(looks.get("broken", 0), looks["sound"]) >= 3:
                enough.set()
            return False

        return Job(name, 0.01, step)

    task = asyncio.ensure_future(work([job("broken", ValueError("x")), job("sound", None)]))
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_that_waits_for_the_database_says_so_once() -> None:
    looks, enough = 0, asyncio.Event()

    async def step() -> bool:
        nonlocal looks
        looks += 1
        if looks <= 3:
            raise OSError("the database is away")
        enough.set()
        return False

    with capture_logs() as logs:
        task = asyncio.ensure_future(work([Job("mail", 3600.0, step)], soon=0.01))
        async with asyncio.timeout(60):
            await enough.wait()
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    told = [(line["event"], line["job"]) for line in logs]
    assert told == [("a job waits for the database", "mail"), ("a job has the database again", "mail")]
