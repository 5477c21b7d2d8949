"""What is told to Stripe's meters, the billing period of an organisation, and reminders of unpaid invoices."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    """
    CREATE TABLE meter_reports (
        id text CONSTRAINT pk_meter_reports PRIMARY KEY,
        org_id text NOT NULL,
        customer_id text NOT NULL,
        cents bigint NOT NULL CONSTRAINT ck_meter_reports_cents CHECK (cents > 0),
        created_at timestamptz NOT NULL,
        sent_at timestamptz
    )
    """,
    "CREATE INDEX ix_meter_reports_id ON meter_reports (id) WHERE sent_at IS NULL",
    "ALTER TABLE organisations ADD COLUMN period_start timestamptz, ADD COLUMN period_end timestamptz",
    "ALTER TABLE billing_accounts ADD COLUMN reminders integer NOT NULL DEFAULT 0",
    "ALTER TABLE meter_reports ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE meter_reports FORCE ROW LEVEL SECURITY",
    """
    CREATE POLICY everything ON meter_reports TO llmgateway_admin, llmgateway_owner, llmgateway_worker
        USING (true) WITH CHECK (true)
    """,
    "GRANT SELECT, INSERT ON meter_reports TO llmgateway_admin, llmgateway_worker",
    "GRANT UPDATE (sent_at) ON meter_reports TO llmgateway_admin, llmgateway_worker",
    "GRANT UPDATE (period_start, period_end) ON organisations TO llmgateway_worker",
)


def upgrade() -> None:
    """Make them."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE meter_reports")
    op.execute("ALTER TABLE organisations DROP COLUMN period_start, DROP COLUMN period_end")
    op.execute("ALTER TABLE billing_accounts DROP COLUMN reminders")
