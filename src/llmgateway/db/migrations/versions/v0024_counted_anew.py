"""Who follows Stripe may say that a quota is counted anew."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Another plan, or another period, is another counter."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("GRANT UPDATE (quota_epoch) ON organisations TO llmgateway_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Only operators say so."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("REVOKE UPDATE (quota_epoch) ON organisations FROM llmgateway_worker")
    op.execute("RESET ROLE")
