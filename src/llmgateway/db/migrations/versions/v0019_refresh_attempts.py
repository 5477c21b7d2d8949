"""A refresh whose answer was lost can be told from a stolen token."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """What each token was used with."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("ALTER TABLE refresh_tokens ADD COLUMN attempt bytea")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE refresh_tokens DROP COLUMN attempt")
