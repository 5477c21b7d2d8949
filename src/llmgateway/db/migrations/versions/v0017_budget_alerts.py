"""What was told of budgets, so that each is told once; the job that tells reads what was spent."""

from alembic import op

revision = "0017"
down_revision = "0016"

_SPENT = "spent(text, timestamptz, timestamptz)"
_STATEMENTS = (
    """
    CREATE TABLE budget_alerts (
        org_id text NOT NULL CONSTRAINT fk_budget_alerts_org_id REFERENCES organisations ON DELETE CASCADE,
        subject_id text NOT NULL,
        period text NOT NULL,
        nanos bigint NOT NULL,
        percent integer NOT NULL,
        told_at timestamptz NOT NULL,
        CONSTRAINT pk_budget_alerts PRIMARY KEY (org_id, subject_id, period, nanos, percent)
    )
    """,
    "ALTER TABLE budget_alerts ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE budget_alerts FORCE ROW LEVEL SECURITY",
    """
    CREATE POLICY everything ON budget_alerts TO llmgateway_admin, llmgateway_owner, llmgateway_worker
        USING (true) WITH CHECK (true)
    """,
    "GRANT SELECT, INSERT ON budget_alerts TO llmgateway_admin, llmgateway_worker",
)


def upgrade() -> None:
    """Make it."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SPENT} TO llmgateway_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop it."""
    op.execute(f"REVOKE EXECUTE ON FUNCTION {_SPENT} FROM llmgateway_worker")
    op.execute("DROP TABLE budget_alerts")
