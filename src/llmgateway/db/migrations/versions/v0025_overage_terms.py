"""The terms that use beyond a plan is priced by, a period at a time: those of a period that ended are known after it."""

from alembic import op

revision = "0025"
down_revision = "0024"

_STATEMENTS = (
    """
    CREATE TABLE overage_terms (
        org_id text NOT NULL CONSTRAINT fk_overage_terms_org_id REFERENCES organisations ON DELETE CASCADE,
        begins_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        plan text NOT NULL,
        limit_nanos bigint,
        waived_nanos bigint NOT NULL,
        CONSTRAINT pk_overage_terms PRIMARY KEY (org_id, begins_at)
    )
    """,
    "CREATE INDEX ix_overage_terms_ends_at ON overage_terms (ends_at) WHERE limit_nanos > 0",
    "ALTER TABLE overage_terms ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE overage_terms FORCE ROW LEVEL SECURITY",
    "CREATE POLICY app_own ON overage_terms TO llmgateway_app USING (org_id = current_setting('app.org_id', true))",
    """
    CREATE POLICY everything ON overage_terms TO llmgateway_admin, llmgateway_owner, llmgateway_worker
        USING (true) WITH CHECK (true)
    """,
    "GRANT SELECT, INSERT, UPDATE ON overage_terms TO llmgateway_app, llmgateway_admin, llmgateway_worker",
)


def upgrade() -> None:
    """Make it; the periods that run are noted when they are charged next."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop it: what was used beyond a plan just before a period ended is not charged."""
    op.execute("DROP TABLE overage_terms")
