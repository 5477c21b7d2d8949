"""Who looks at usage as it comes: only then is it told of, since a NOTIFY makes transactions wait for each other."""

from alembic import op

revision = "0012"
down_revision = "0011"

_MINE = "org_id = current_setting('app.org_id', true)"

_STATEMENTS = (
    "CREATE TABLE usage_watchers (org_id text CONSTRAINT pk_usage_watchers PRIMARY KEY, until timestamptz NOT NULL)",
    f"CREATE POLICY app_own ON usage_watchers TO llmgateway_app USING ({_MINE}) WITH CHECK ({_MINE})",
    "CREATE POLICY owner_all ON usage_watchers TO llmgateway_owner USING (true) WITH CHECK (true)",
    "CREATE POLICY lookup_reads ON usage_watchers FOR SELECT TO llmgateway_lookup USING (true)",
    "ALTER TABLE usage_watchers ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE usage_watchers FORCE ROW LEVEL SECURITY",
    "GRANT SELECT, INSERT, UPDATE ON usage_watchers TO llmgateway_app",
    "GRANT SELECT ON usage_watchers TO llmgateway_lookup",
    # The payload of a NOTIFY has 8,000 bytes: a hundred ids, and how many there were.
    """
    CREATE FUNCTION tell_of_usage() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN
        PERFORM pg_notify('llmgateway_usage', jsonb_build_object('org_id', org_id, 'count', n, 'ids', ids)::text)
        FROM (
            SELECT org_id, count(*) AS n, (array_agg(id ORDER BY id DESC))[1:100] AS ids
            FROM becomes JOIN usage_watchers USING (org_id) WHERE until > now() GROUP BY org_id
        ) told;
        RETURN NULL;
    END $$
    """,
    "REVOKE ALL ON FUNCTION tell_of_usage() FROM PUBLIC",
    *(
        f"CREATE TRIGGER {name} AFTER {event} ON usage_events REFERENCING NEW TABLE AS becomes "
        "FOR EACH STATEMENT EXECUTE FUNCTION tell_of_usage()"
        for name, event in (("tell_of_new_usage", "INSERT"), ("tell_of_changed_usage", "UPDATE"))
    ),
)


def upgrade() -> None:
    """Make them."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement.replace("{schema}", schema))
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Drop them."""
    for name in ("tell_of_new_usage", "tell_of_changed_usage"):
        op.execute(f"DROP TRIGGER {name} ON usage_events")
    op.execute("DROP FUNCTION tell_of_usage()")
    op.execute("DROP TABLE usage_watchers")
