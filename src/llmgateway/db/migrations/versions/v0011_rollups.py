"""Usage summed up by hour and by day. What an event adds is noted with it, in its own transaction, and merged later."""

from alembic import op

revision = "0011"
down_revision = "0010"

_MINE = "org_id = current_setting('app.org_id', true)"
_TABLES = ("usage_hours", "usage_days", "usage_pending")

# What sums are kept apart by. '' stands for none.
_FACETS = "test, project_id, key_id, model, provider, served_model, outcome, cache, tags"
_FACET_COLUMNS = """
    time timestamptz NOT NULL,
    org_id text NOT NULL,
    facets bytea NOT NULL,
    test boolean NOT NULL,
    project_id text NOT NULL,
    key_id text NOT NULL,
    model text NOT NULL,
    provider text NOT NULL,
    served_model text NOT NULL,
    outcome text NOT NULL,
    cache text NOT NULL,
    tags jsonb NOT NULL,
"""
_SUMS = (
    "requests", "counted", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "saved_nanos",
)  # fmt: skip
# numeric, because a sum of bigints need not be one: an event with absurd figures must not stop the sums of all others.
_SUM_COLUMNS = f"""
    {", ".join(f"{name} numeric NOT NULL" for name in _SUMS)},
    latency_buckets smallint[] NOT NULL,
    latency_counts bigint[] NOT NULL,
    first_token_buckets smallint[] NOT NULL,
    first_token_counts bigint[] NOT NULL
"""

# Events to changes: twice grouped, so that a histogram has a cell for a bucket and not for an event.
_CHANGES = """
    INSERT INTO usage_pending (time, org_id, facets, {facets}, {sums},
        latency_buckets, latency_counts, first_token_buckets, first_token_counts)
    SELECT time, org_id, sha256(convert_to(jsonb_build_array({facets})::text, 'UTF8')), {facets}, {summed},
        coalesce(array_agg(latency) FILTER (WHERE latency IS NOT NULL), '{}'),
        coalesce(array_agg(requests) FILTER (WHERE latency IS NOT NULL), '{}'),
        coalesce(array_agg(first_token) FILTER (WHERE first_token IS NOT NULL), '{}'),
        coalesce(array_agg(requests) FILTER (WHERE first_token IS NOT NULL), '{}')
    FROM (
        SELECT date_trunc('hour', created_at, 'UTC') AS time, org_id, test, coalesce(project_id, '') AS project_id, key_id,
            model, coalesce(provider, '') AS provider, coalesce(served_model, '') AS served_model, outcome, cache, tags,
            CASE WHEN outcome = 'finished' THEN usage_bucket(duration_ms) END AS latency,
            CASE WHEN outcome = 'finished' THEN usage_bucket(first_token_ms) END AS first_token,
            sum(sign) AS requests,
            coalesce(sum(sign) FILTER (WHERE outcome = 'finished' OR prompt_tokens > 0 OR completion_tokens > 0), 0)
                AS counted,
            coalesce(sum(sign) FILTER (WHERE outcome = 'finished' AND cost_nanos IS NULL), 0) AS unpriced,
            sum(sign * prompt_tokens) AS prompt_tokens,
            sum(sign * completion_tokens) AS completion_tokens,
            sum(sign * cached_tokens) AS cached_tokens,
            sum(sign * cache_write_tokens) AS cache_write_tokens,
            sum(sign * reasoning_tokens) AS reasoning_tokens,
            coalesce(sum(sign * cost_nanos), 0) AS cost_nanos,
            coalesce(sum(sign * charge_nanos), 0) AS charge_nanos,
            coalesce(sum(sign * list_cost_nanos), 0) AS list_cost_nanos,
            coalesce(sum(sign * (list_cost_nanos::numeric - cost_nanos)) FILTER (WHERE outcome = 'finished'), 0)
                AS saved_nanos
        FROM {events}
        GROUP BY time, org_id, {facets}, latency, first_token
    ) cells
    GROUP BY time, org_id, {facets}
"""

_STATEMENTS = (
    *(
        f"CREATE TABLE {table} ({_FACET_COLUMNS} {_SUM_COLUMNS}, CONSTRAINT pk_{table} PRIMARY KEY (org_id, time, facets)) "
        "WITH (fillfactor = 80)"
        for table in _TABLES[:2]
    ),
    f"""
    CREATE TABLE usage_pending (id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_usage_pending PRIMARY KEY,
        {_FACET_COLUMNS} {_SUM_COLUMNS})
    """,
    "CREATE INDEX ix_usage_pending_org_id_time ON usage_pending (org_id, time)",
    "CREATE INDEX ix_usage_days_time ON usage_days (time)",
    # Bucket n holds more than 1.1 ^ (n - 1) and up to 1.1 ^ n milliseconds: its middle is less than 5 % from all of them.
    # Bucket -1 holds what took none.
    """
    CREATE FUNCTION usage_bucket(milliseconds integer) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE WHEN milliseconds < 1 THEN -1 ELSE ceil(round((ln(milliseconds) / ln(1.1::float8))::numeric, 9)) END::smallint
    """,
    (
        "CREATE FUNCTION note_new_usage() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN "
        "{changes_of_new}; RETURN NULL; END $$"
    ),
    (
        "CREATE FUNCTION note_changed_usage() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN "
        "{changes_of_changed}; RETURN NULL; END $$"
    ),
    """
    CREATE FUNCTION recount_usage(org text, since timestamptz, until timestamptz) RETURNS void LANGUAGE sql
        SET search_path = {schema}, pg_temp AS $$ {changes_of_range} $$
    """,
    (
        "CREATE TRIGGER new_usage AFTER INSERT ON usage_events REFERENCING NEW TABLE AS becomes "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_new_usage()"
    ),
    (
        "CREATE TRIGGER changed_usage AFTER UPDATE ON usage_events REFERENCING OLD TABLE AS was NEW TABLE AS becomes "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_usage()"
    ),
    "{changes_of_all}",
    *(f"CREATE POLICY app_own ON {table} TO llmgateway_app USING ({_MINE})" for table in _TABLES),
    *(
        f"CREATE POLICY everything ON {table} TO llmgateway_admin, llmgateway_owner, llmgateway_worker "
        "USING (true) WITH CHECK (true)"
        for table in _TABLES
    ),
    "CREATE POLICY lookup_notes ON usage_pending FOR INSERT TO llmgateway_lookup WITH CHECK (true)",
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in _TABLES),
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in _TABLES),
    f"GRANT SELECT ON {', '.join(_TABLES)} TO llmgateway_app",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_TABLES)} TO llmgateway_admin, llmgateway_worker",
    "GRANT INSERT ON usage_pending TO llmgateway_lookup",
    *(
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
        for function in ("note_new_usage()", "note_changed_usage()", "recount_usage(text, timestamptz, timestamptz)")
    ),
    "GRANT EXECUTE ON FUNCTION recount_usage(text, timestamptz, timestamptz) TO llmgateway_admin, llmgateway_worker",
)


def changes(events: str) -> str:
    """The statement that notes what events add up to."""
    summed = ", ".join(f"sum({name})" for name in _SUMS)
    plain = _CHANGES.replace("{facets}", _FACETS).replace("{sums}", ", ".join(_SUMS)).replace("{summed}", summed)
    return plain.replace("{events}", events)


ADDED = "(SELECT *, 1 AS sign FROM becomes) e"
REPLACED = "(SELECT *, 1 AS sign FROM becomes UNION ALL SELECT *, -1 AS sign FROM was) e"
OF_RANGE = "(SELECT *, 1 AS sign FROM usage_events WHERE org_id = org AND created_at >= since AND created_at < until) e"
_ALL = "(SELECT *, 1 AS sign FROM usage_events) e"


def upgrade() -> None:
    """Make them, and sum up what is there."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    parts = {
        "{schema}": schema,
        "{changes_of_new}": changes(ADDED),
        "{changes_of_changed}": changes(REPLACED),
        "{changes_of_range}": changes(OF_RANGE),
        "{changes_of_all}": changes(_ALL),
    }
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        filled = statement
        for name, part in parts.items():
            filled = filled.replace(name, part)
        op.get_bind().exec_driver_sql(filled)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop them; sums of months whose events are gone are lost."""
    op.execute("DROP TRIGGER new_usage ON usage_events")
    op.execute("DROP TRIGGER changed_usage ON usage_events")
    op.execute("DROP FUNCTION note_new_usage()")
    op.execute("DROP FUNCTION note_changed_usage()")
    op.execute("DROP FUNCTION recount_usage(text, timestamptz, timestamptz)")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION usage_bucket(integer)")
