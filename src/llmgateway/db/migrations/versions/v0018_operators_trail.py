"""The trail of operators is found without reading everybody's."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """An index of their entries alone."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("CREATE INDEX ix_audit_events_operators ON audit_events (id DESC) WHERE actor_kind = 'operator'")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX ix_audit_events_operators")
