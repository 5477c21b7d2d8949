"""Walls between tenants: owners, grants and row-level security.

Migrations after this one begin with `SET LOCAL ROLE llmgateway_owner`, so that what they make belongs to the owner.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = ("installations", "organisations", "users", "members", "api_keys", "usage_events", "usage_events_rest")
_WALLED = ("organisations", "users", "members", "api_keys", "usage_events")

_MINE = "org_id = current_setting('app.org_id', true)"

_STATEMENTS = (
    # app: one organisation, the one that the transaction names; without a name, none.
    "CREATE POLICY app_own ON organisations TO llmgateway_app USING (id = current_setting('app.org_id', true))",
    f"CREATE POLICY app_own ON members TO llmgateway_app USING ({_MINE})",
    f"CREATE POLICY app_own ON api_keys TO llmgateway_app USING ({_MINE})",
    f"CREATE POLICY app_own ON usage_events TO llmgateway_app USING ({_MINE})",
    """
    CREATE POLICY app_own ON users TO llmgateway_app
        USING (EXISTS (SELECT FROM members WHERE members.user_id = users.id))
    """,
    "GRANT SELECT ON organisations, members, api_keys, usage_events TO llmgateway_app",
    "GRANT SELECT (id, email, created_at) ON users TO llmgateway_app",
    "GRANT UPDATE (name, slug) ON organisations TO llmgateway_app",
    "GRANT INSERT, UPDATE, DELETE ON members TO llmgateway_app",
    "GRANT INSERT, UPDATE ON api_keys TO llmgateway_app",
    # admin and worker: all organisations; owner: data of later migrations.
    *(
        f"CREATE POLICY everything ON {table} TO llmgateway_admin, llmgateway_owner USING (true) WITH CHECK (true)"
        for table in _WALLED
    ),
    *(f"CREATE POLICY worker_reads ON {table} FOR SELECT TO llmgateway_worker USING (true)" for table in _WALLED),
    "GRANT SELECT, INSERT, UPDATE, DELETE ON organisations, users, members, api_keys TO llmgateway_admin",
    "GRANT SELECT, INSERT, UPDATE ON installations TO llmgateway_admin",
    "GRANT SELECT ON usage_events TO llmgateway_admin",
    "GRANT SELECT ON organisations, members, api_keys, usage_events TO llmgateway_worker",
    # lookup: only what its functions need.
    "CREATE POLICY lookup_reads ON organisations FOR SELECT TO llmgateway_lookup USING (true)",
    "CREATE POLICY lookup_reads ON api_keys FOR SELECT TO llmgateway_lookup USING (true)",
    "CREATE POLICY lookup_records ON usage_events TO llmgateway_lookup USING (true) WITH CHECK (true)",
    "GRANT SELECT ON organisations, api_keys TO llmgateway_lookup",
    "GRANT SELECT, INSERT, UPDATE ON usage_events TO llmgateway_lookup",
)


def upgrade() -> None:
    """Raise the walls."""
    schema = _schema()
    op.execute(
        f"GRANT USAGE ON SCHEMA {schema} TO llmgateway_owner, llmgateway_app, llmgateway_data, llmgateway_worker, "
        "llmgateway_admin, llmgateway_lookup"
    )
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_owner")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} OWNER TO llmgateway_owner")
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for table in _WALLED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for statement in _STATEMENTS:
        op.execute(statement)
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Tear them down; the roles stay, other databases on the server may use them."""
    for table in _WALLED:
        for policy in ("app_own", "everything", "worker_reads", "lookup_reads", "lookup_records"):
            op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} OWNER TO CURRENT_USER")
        op.execute(f"REVOKE ALL ON {table} FROM llmgateway_app, llmgateway_worker, llmgateway_admin, llmgateway_lookup")


def _schema() -> str:
    return str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
