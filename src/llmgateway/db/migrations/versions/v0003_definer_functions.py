"""All definer functions: what runs before the organisation is known, or must reach behind the walls."""

from alembic import op

revision = "0003"
down_revision = "0002"

_EVENT_COLUMNS = (
    "org_id", "key_id", "project_id", "operation", "dialect", "model", "provider", "served_model", "outcome", "status",
    "error_code", "stream", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "price_version", "usage_source", "cache",
    "test", "duration_ms", "first_token_ms", "attempts", "plan", "tags",
)  # fmt: skip

_FUNCTIONS = (
    # identify: a key and its organisation, by the hash of its secret; null when there is none.
    (
        "key_snapshot(secret bytea)",
        "llmgateway_lookup",
        "llmgateway_data",
        """
        RETURNS jsonb LANGUAGE sql STABLE AS $$
            SELECT jsonb_build_object('key', to_jsonb(k) - 'secret_hash', 'org', to_jsonb(o))
            FROM api_keys k JOIN organisations o ON o.id = k.org_id
            WHERE k.secret_hash = secret
        $$
        """,
    ),
    # One event, only for the key that made it; null when there is none.
    (
        "usage_event(key text, event text)",
        "llmgateway_lookup",
        "llmgateway_data",
        """
        RETURNS jsonb LANGUAGE sql STABLE AS $$
            SELECT to_jsonb(e) FROM usage_events e WHERE e.id = event AND e.key_id = key
        $$
        """,
    ),
    # Events, each id once. An estimate gives way to true figures; nothing else is ever replaced.
    (
        "insert_usage(events jsonb)",
        "llmgateway_lookup",
        "llmgateway_data",
        f"""
        RETURNS void LANGUAGE sql AS $$
            INSERT INTO usage_events SELECT * FROM jsonb_populate_recordset(NULL::usage_events, events)
            ON CONFLICT (id, created_at) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _EVENT_COLUMNS)}
            WHERE usage_events.usage_source = 'estimated' AND excluded.usage_source <> 'estimated'
        $$
        """,
    ),
    # What each key of an organisation spent and used, by UTC day and month: to seed counters that are missing.
    (
        "counters(org text)",
        "llmgateway_lookup",
        "llmgateway_data",
        """
        RETURNS TABLE (key_id text, day_nanos bigint, month_nanos bigint, day_tokens bigint, month_tokens bigint)
        LANGUAGE sql STABLE AS $$
            SELECT e.key_id,
                coalesce(sum(e.cost_nanos) FILTER (WHERE e.created_at >= date_trunc('day', now(), 'UTC')), 0)::bigint,
                coalesce(sum(e.cost_nanos), 0)::bigint,
                coalesce(sum(e.prompt_tokens + e.completion_tokens)
                    FILTER (WHERE e.created_at >= date_trunc('day', now(), 'UTC')), 0)::bigint,
                coalesce(sum(e.prompt_tokens + e.completion_tokens), 0)::bigint
            FROM usage_events e
            WHERE e.org_id = org AND NOT e.test AND e.created_at >= date_trunc('month', now(), 'UTC')
            GROUP BY e.key_id
        $$
        """,
    ),
    # This month's partition and those of the next three. What the rest partition held of them moves over.
    (
        "ensure_usage_partitions()",
        "llmgateway_owner",
        "llmgateway_admin, llmgateway_worker",
        """
        RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            first timestamp;
            part text;
            low text;
            high text;
        BEGIN
            PERFORM pg_advisory_xact_lock(7261948303);
            FOR ahead IN 0..3 LOOP
                first := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
                part := 'usage_events_' || to_char(first, 'YYYY_MM');
                CONTINUE WHEN to_regclass(part) IS NOT NULL;
                low := to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00';
                high := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
                EXECUTE format('CREATE TABLE %I (LIKE usage_events INCLUDING DEFAULTS)', part);
                EXECUTE format(
                    'WITH moved AS (DELETE FROM usage_events_rest WHERE created_at >= %L AND created_at < %L RETURNING *) '
                    'INSERT INTO %I SELECT * FROM moved', low, high, part);
                EXECUTE format(
                    'ALTER TABLE usage_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
            END LOOP;
        END
        $$
        """,
    ),
)


def upgrade() -> None:
    """Make the functions, each with the rights of its owner and for its callers alone."""
    schema = _schema()
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    for signature, owner, callers, body in _FUNCTIONS:
        op.execute(f"SET LOCAL ROLE {owner}")
        op.execute(f"CREATE FUNCTION {signature} {body} SECURITY DEFINER SET search_path = {schema}, pg_temp")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {callers}")
        op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them. Months keep their partitions."""
    for signature, _, _, _ in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")


def _schema() -> str:
    return str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
