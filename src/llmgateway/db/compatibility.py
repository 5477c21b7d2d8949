"""Which code may run on a schema that is newer than its own: while replicas are replaced one by one, and on the way back."""

from typing import Final

from alembic.script import ScriptDirectory
from sqlalchemy import text

from llmgateway.errors import ConfigurationError

OLDEST: Final = "0017"
"""The schema whose code is the oldest that runs on the newest schema too.

A migration that only expands (new tables, columns with defaults, functions) leaves it. One that takes away what older code needs is made a
release later, and sets it to the schema of the first code that can do without.
"""
NOTE: Final = text(f"COMMENT ON TABLE alembic_version IS 'fits code of schema {OLDEST} and newer'")
"""Written with every migration, for older code to read."""
REVISION: Final = "revision"
"""The attribute of alembic's configuration in which a migration tells what schema there is after it."""
READ_NOTE: Final = text("SELECT substring(obj_description(to_regclass('alembic_version')) FROM 'schema (\\d+)')")


def is_known(revision: str | None, scripts: ScriptDirectory) -> bool:
    """Whether this version has the migration that made the schema."""
    return revision is None or revision in {script.revision for script in scripts.walk_revisions()}


def fits(oldest: str | None, scripts: ScriptDirectory) -> bool:
    """Whether a newer schema with such a note serves the code of this version."""
    newest = scripts.get_current_head()
    return oldest is not None and newest is not None and oldest <= newest


def too_new(revision: str | None) -> ConfigurationError:
    """What to say when it does not."""
    return ConfigurationError(
        f"The database's schema ({revision}) is newer than this version. Use the llmgateway that made it, or a newer one."
    )
