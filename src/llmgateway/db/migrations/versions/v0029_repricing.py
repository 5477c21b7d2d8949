"""Events may be priced again by the operator's command: their figures of money, and nothing else of them."""

from alembic import op

revision = "0029"
down_revision = "0028"

# Only what is still as it was read: an estimate may have given way to true figures meanwhile.
_REPRICE = """
    CREATE FUNCTION reprice_usage(org text, since timestamptz, until timestamptz, figures jsonb) RETURNS SETOF text
    LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
        UPDATE usage_events AS kept SET cost_nanos = new.cost_nanos, charge_nanos = new.charge_nanos,
            list_cost_nanos = new.list_cost_nanos, price_version = new.price_version
        FROM jsonb_to_recordset(figures) AS new (id text, created_at timestamptz, usage_source text, cost_nanos bigint,
            charge_nanos bigint, list_cost_nanos bigint, price_version text, cost_before bigint, charge_before bigint)
        WHERE kept.org_id = org AND kept.created_at >= since AND kept.created_at < until
            AND kept.id = new.id AND kept.created_at = new.created_at AND kept.usage_source = new.usage_source
            AND kept.cost_nanos IS NOT DISTINCT FROM new.cost_before
            AND kept.charge_nanos IS NOT DISTINCT FROM new.charge_before
        RETURNING kept.id
    $$
"""
_SIGNATURE = "reprice_usage(text, timestamptz, timestamptz, jsonb)"


def upgrade() -> None:
    """The triggers on events note what their sums change by (0011), and tell who looks at them (0012)."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.get_bind().exec_driver_sql(_REPRICE.replace("{schema}", schema))
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO llmgateway_admin")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """What was priced again stays so."""
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
