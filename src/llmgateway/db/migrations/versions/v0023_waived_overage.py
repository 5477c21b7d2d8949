"""What use of before a change of terms would cost beyond the plan by the new ones, and is not charged again."""

from alembic import op

revision = "0023"
down_revision = "0022"

_COLUMNS = "overage_waived_nanos, overage_waived_in"


def upgrade() -> None:
    """Nothing is waived of periods that run."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute(
        "ALTER TABLE organisations ADD COLUMN overage_waived_nanos bigint NOT NULL DEFAULT 0, "
        "ADD COLUMN overage_waived_in timestamptz"
    )
    op.execute(f"GRANT UPDATE ({_COLUMNS}) ON organisations TO llmgateway_app, llmgateway_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """All use of a period is priced by the terms of now."""
    op.execute("ALTER TABLE organisations DROP COLUMN overage_waived_nanos, DROP COLUMN overage_waived_in")
