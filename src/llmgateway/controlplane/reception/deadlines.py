"""Time limits of what the data plane asks the database: one that hangs is one that cannot be asked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from llmgateway.contract.channels import SourceUnavailable
from llmgateway.db.session import DATABASE_ERRORS


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncGenerator[None]:
    """Around all of a question: a connection, what is asked, the answer. Raises SourceUnavailable for a failure or none in time."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except DATABASE_ERRORS as error:
        raise SourceUnavailable(str(error) or type(error).__name__) from error
