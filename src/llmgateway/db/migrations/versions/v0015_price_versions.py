"""Every version of the prices that priced a request, kept: rows are added, never changed."""

from alembic import op

revision = "0015"
down_revision = "0014"

_STATEMENTS = (
    """
    CREATE TABLE price_versions (
        version text CONSTRAINT pk_price_versions PRIMARY KEY,
        used_since timestamptz NOT NULL,
        prices jsonb NOT NULL
    )
    """,
    "ALTER TABLE price_versions ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE price_versions FORCE ROW LEVEL SECURITY",
    "CREATE POLICY everything ON price_versions TO llmgateway_admin, llmgateway_owner USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT ON price_versions TO llmgateway_admin",
)


def upgrade() -> None:
    """Make the table."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE price_versions")
