"""What else a price is made of stands with the event: searches, sound, a service tier, tokens that are billed otherwise."""

from alembic import op

from llmgateway.db.migrations.versions.v0022_what_was_told import insert_all_columns

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Null where there is nothing else, and in rows of releases before."""
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute("ALTER TABLE usage_events ADD COLUMN usage_details jsonb")
    op.execute("RESET ROLE")
    insert_all_columns()


def downgrade() -> None:
    """Only tokens stay."""
    op.execute("ALTER TABLE usage_events DROP COLUMN usage_details")
    insert_all_columns()
