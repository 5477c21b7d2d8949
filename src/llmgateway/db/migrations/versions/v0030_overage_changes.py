"""Terms of use beyond a plan that held in a part of a period: what began under them is charged by them, however late it is known."""

from alembic import op

revision = "0030"
down_revision = "0029"

_STATEMENTS = (
    """
    CREATE TABLE overage_changes (
        org_id text NOT NULL CONSTRAINT fk_overage_changes_org_id REFERENCES organisations ON DELETE CASCADE,
        begins_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        plan text NOT NULL,
        limit_nanos bigint,
        waived_nanos bigint NOT NULL,
        CONSTRAINT pk_overage_changes PRIMARY KEY (org_id, begins_at, changed_at)
    )
    """,
    "CREATE INDEX ix_overage_changes_changed_at ON overage_changes (changed_at) WHERE limit_nanos > 0",
    "ALTER TABLE overage_changes ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE overage_changes FORCE ROW LEVEL SECURITY",
    "CREATE POLICY app_own ON overage_changes TO llmgateway_app USING (org_id = current_setting('app.org_id', true))",
    """
    CREATE POLICY everything ON overage_changes TO llmgateway_admin, llmgateway_owner, llmgateway_worker
        USING (true) WITH CHECK (true)
    """,
    "GRANT SELECT, INSERT ON overage_changes TO llmgateway_app, llmgateway_admin, llmgateway_worker",
)


def upgrade() -> None:
    """Make it; what changed before in a period that runs is in what is waived of it."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop it: what was waived as it was known last stays."""
    op.execute("DROP TABLE overage_changes")
