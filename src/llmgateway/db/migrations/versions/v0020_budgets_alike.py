"""Organisations and projects have the budgets that keys have: a day, a month and in all, hard or soft.

What was not counted for a while is counted anew from then on: each beginning has a number, which is part of the counters' names.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

_TABLES = ("organisations", "projects")


def upgrade() -> None:
    """What was there is a hard budget of a month, as before."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN daily_budget_nanos bigint, ADD COLUMN total_budget_nanos bigint, "
            "ADD COLUMN hard_budget boolean NOT NULL DEFAULT true"
        )
    for table in ("api_keys", *_TABLES):
        op.execute(f"ALTER TABLE {table} ADD COLUMN budget_epoch integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE organisations ADD COLUMN quota_epoch integer NOT NULL DEFAULT 0")
    op.execute(
        "GRANT UPDATE (daily_budget_nanos, total_budget_nanos, hard_budget, budget_epoch) ON organisations TO llmgateway_app"
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Only the budget of a month stays."""
    op.execute("ALTER TABLE api_keys DROP COLUMN budget_epoch")
    op.execute("ALTER TABLE organisations DROP COLUMN quota_epoch")
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} DROP COLUMN daily_budget_nanos, DROP COLUMN total_budget_nanos, "
            "DROP COLUMN hard_budget, DROP COLUMN budget_epoch"
        )
