"""What Stripe was told of a customer, and for which deletion its pages to pay on were closed."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Make the columns.

    Every customer is told of once more, but an address that is nobody's here stays; and those of organisations that are being
    deleted are looked at.
    """
    op.execute("SET LOCAL ROLE llmgateway_owner")
    op.execute(
        "ALTER TABLE billing_accounts ADD COLUMN told_name text, ADD COLUMN told_email text,"
        " ADD COLUMN pages_closed_for timestamptz"
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop them."""
    op.execute(
        "ALTER TABLE billing_accounts DROP COLUMN told_name, DROP COLUMN told_email, DROP COLUMN pages_closed_for"
    )
