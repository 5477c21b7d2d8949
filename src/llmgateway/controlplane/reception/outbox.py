"""The outbox of mails: queued in the transaction that decides on them, delivered by a job of the worker."""

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.outbox import OutboxMail
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.mail import Mail, Mailer, MailFailed

_MOST_TRIES: Final = 12
_LONGEST_WAIT: Final = timedelta(hours=1)

log = structlog.get_logger()


async def post(tx: AsyncSession, clock: Clock, mail: Mail) -> None:
    """Queue a mail, to be delivered once the transaction has committed."""
    now = clock.now()
    tx.add(
        OutboxMail(
            id=new_id("mail", now),
            recipient=mail.to,
            subject=mail.subject,
            body=mail.text,
            created_at=now,
            tries=0,
            next_try_at=now,
        )
    )
    await tx.flush()


async def deliver_next(database: Database, clock: Clock, mailer: Mailer) -> bool:
    """Deliver one mail that is due, as `worker`; False when there is none. What fails is tried again, later each time."""
    async with database.transaction() as tx:
        due = (
            select(OutboxMail)
            .where(OutboxMail.next_try_at <= clock.now())
            .order_by(OutboxMail.next_try_at, OutboxMail.id)
        )
        row = await tx.scalar(due.limit(1).with_for_update(skip_locked=True))
        if row is None:
            return False
        # Held while the server is asked: it is a job's own short transaction, and no mail goes out twice.
        try:
            await mailer.send(Mail(to=row.recipient, subject=row.subject, text=row.body))
        except MailFailed as error:
            row.tries += 1
            row.next_try_at = clock.now() + min(timedelta(seconds=5 * 2**row.tries), _LONGEST_WAIT)
            log.warning("a mail could not be delivered", mail=row.id, tries=row.tries, reason=str(error))
            if row.tries < _MOST_TRIES:
                return True
        await tx.delete(row)
        return True
