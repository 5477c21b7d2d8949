"""The history of the schema is one line, and each step says what it was made from."""

from alembic.script import ScriptDirectory

from llmgateway.db.compatibility import OLDEST
from tests.architecture.source import ROOT

MIGRATIONS = ROOT / "src" / "llmgateway" / "db" / "migrations"


def test_migrations_are_one_line() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    revisions = list(scripts.walk_revisions())
    assert revisions
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    assert [revision.revision for revision in revisions if revision.is_merge_point or revision.is_branch_point] == []


def test_every_migration_file_is_in_the_line() -> None:
    files = {file.name for file in (MIGRATIONS / "versions").glob("*.py")} - {"__init__.py"}
    known = {revision.path.rpartition("/")[2] for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    assert files == known


def test_the_oldest_code_that_fits_is_one_of_the_line() -> None:
    assert OLDEST in {revision.revision for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
