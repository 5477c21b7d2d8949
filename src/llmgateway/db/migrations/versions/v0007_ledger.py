"""The ledger, append only and balanced by the database itself; what Stripe last said about each organisation."""

from alembic import op

revision = "0007"
down_revision = "0006"

_MINE = "org_id = current_setting('app.org_id', true)"
_LEDGER = ("ledger_postings", "ledger_entries", "ledger_closings")
_TABLES = (*_LEDGER, "billing_accounts", "stripe_events")

_STATEMENTS = (
    # No reference to organisations: money is kept when an organisation is gone.
    """
    CREATE TABLE ledger_postings (
        id text CONSTRAINT pk_ledger_postings PRIMARY KEY,
        org_id text NOT NULL,
        kind text NOT NULL,
        reference text NOT NULL,
        description text NOT NULL,
        lines integer NOT NULL CONSTRAINT ck_ledger_postings_lines CHECK (lines >= 2),
        hour timestamptz,
        events bigint,
        first_event text,
        last_event text,
        created_at timestamptz NOT NULL,
        CONSTRAINT uq_ledger_postings_org_id_kind_reference UNIQUE (org_id, kind, reference)
    )
    """,
    "CREATE INDEX ix_ledger_postings_org_id_id ON ledger_postings (org_id, id DESC)",
    "CREATE INDEX ix_ledger_postings_hour ON ledger_postings (hour) WHERE hour IS NOT NULL",
    """
    CREATE TABLE ledger_entries (
        posting_id text NOT NULL CONSTRAINT fk_ledger_entries_posting_id REFERENCES ledger_postings,
        line integer NOT NULL,
        org_id text NOT NULL,
        account text NOT NULL,
        nanos bigint NOT NULL CONSTRAINT ck_ledger_entries_nanos CHECK (nanos <> 0),
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_entries PRIMARY KEY (posting_id, line)
    )
    """,
    "CREATE INDEX ix_ledger_entries_org_id_created_at ON ledger_entries (org_id, created_at) INCLUDE (account, nanos)",
    """
    CREATE TABLE ledger_closings (
        org_id text NOT NULL,
        day date NOT NULL,
        account text NOT NULL,
        nanos bigint NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_closings PRIMARY KEY (org_id, day, account)
    )
    """,
    """
    CREATE FUNCTION check_posting() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
    DECLARE
        posting ledger_postings;
        total numeric;
        found integer;
        strange integer;
    BEGIN
        SELECT * INTO posting FROM ledger_postings
            WHERE id = coalesce(to_jsonb(NEW) ->> 'posting_id', to_jsonb(NEW) ->> 'id');
        SELECT coalesce(sum(nanos), 0), count(*),
                count(*) FILTER (WHERE org_id <> posting.org_id OR created_at <> posting.created_at)
            INTO total, found, strange FROM ledger_entries WHERE posting_id = posting.id;
        IF total <> 0 OR found <> posting.lines OR strange <> 0 THEN
            RAISE EXCEPTION 'posting % does not balance: % of % lines, sum %', posting.id, found, posting.lines, total
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    *(
        f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION check_posting()"
        for table in ("ledger_postings", "ledger_entries")
    ),
    *(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        for table in _LEDGER
    ),
    """
    CREATE TABLE billing_accounts (
        org_id text CONSTRAINT pk_billing_accounts PRIMARY KEY,
        customer_id text CONSTRAINT uq_billing_accounts_customer_id UNIQUE,
        subscription_id text,
        status text NOT NULL DEFAULT 'none',
        plan text,
        period_start timestamptz,
        period_end timestamptz,
        grace_until timestamptz,
        ends_at timestamptz,
        next_plan text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE stripe_events (
        id text CONSTRAINT pk_stripe_events PRIMARY KEY,
        type text NOT NULL,
        object_id text NOT NULL,
        customer_id text,
        created_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        tries integer NOT NULL DEFAULT 0,
        next_try_at timestamptz NOT NULL,
        handled_at timestamptz,
        trouble text
    )
    """,
    "CREATE INDEX ix_stripe_events_next_try_at ON stripe_events (next_try_at) WHERE handled_at IS NULL",
    "ALTER TABLE organisations ADD COLUMN overage_limit_nanos bigint",
    *(f"CREATE POLICY app_own ON {table} TO llmgateway_app USING ({_MINE})" for table in _TABLES[:-1]),
    *(
        f"CREATE POLICY everything ON {table} TO llmgateway_admin, llmgateway_owner, llmgateway_worker "
        "USING (true) WITH CHECK (true)"
        for table in _TABLES
    ),
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in _TABLES),
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in _TABLES),
    f"GRANT SELECT ON {', '.join(_LEDGER)}, billing_accounts TO llmgateway_app",
    "GRANT INSERT (org_id, customer_id, created_at, updated_at) ON billing_accounts TO llmgateway_app",
    "GRANT UPDATE (customer_id, updated_at) ON billing_accounts TO llmgateway_app",
    "GRANT UPDATE (overage_limit_nanos) ON organisations TO llmgateway_app",
    f"GRANT SELECT, INSERT ON {', '.join(_LEDGER)} TO llmgateway_admin, llmgateway_worker",
    "GRANT SELECT, INSERT, UPDATE ON billing_accounts, stripe_events TO llmgateway_admin, llmgateway_worker",
    # What Stripe says about a subscription becomes an organisation's plan, and people hear of it.
    "GRANT UPDATE (plan) ON organisations TO llmgateway_worker",
    "CREATE POLICY worker_plans ON organisations FOR UPDATE TO llmgateway_worker USING (true) WITH CHECK (true)",
    "GRANT INSERT ON outbox TO llmgateway_worker",
    # The webhook: nobody is known before its event is looked up.
    "CREATE POLICY lookup_notes ON stripe_events FOR INSERT TO llmgateway_lookup WITH CHECK (true)",
    "GRANT INSERT ON stripe_events TO llmgateway_lookup",
)

_NOTE_EVENT = """
    CREATE FUNCTION note_stripe_event(
        event text, kind text, object text, customer text, made timestamptz, received timestamptz
    ) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        INSERT INTO stripe_events (id, type, object_id, customer_id, created_at, received_at, next_try_at)
            VALUES (event, kind, object, customer, made, received, received);
        RETURN true;
    EXCEPTION WHEN unique_violation THEN
        RETURN false;
    END
    $$
"""
_SIGNATURE = "note_stripe_event(text, text, text, text, timestamptz, timestamptz)"


def upgrade() -> None:
    """Make them."""
    schema = str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())
    op.execute("SET LOCAL ROLE llmgateway_owner")
    for statement in _STATEMENTS:
        op.execute(statement.replace("{schema}", schema))
    op.execute("RESET ROLE")
    op.execute(f"GRANT CREATE ON SCHEMA {schema} TO llmgateway_lookup")
    op.execute("SET LOCAL ROLE llmgateway_lookup")
    op.execute(_NOTE_EVENT.replace("{schema}", schema))
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO llmgateway_app")
    op.execute("RESET ROLE")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM llmgateway_lookup")


def downgrade() -> None:
    """Drop them: the books are lost, so a dump comes first."""
    op.execute("DROP POLICY worker_plans ON organisations")
    op.execute("REVOKE UPDATE (plan) ON organisations FROM llmgateway_worker")
    op.execute("REVOKE INSERT ON outbox FROM llmgateway_worker")
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
    for table in ("ledger_entries", "ledger_closings", "ledger_postings", "billing_accounts", "stripe_events"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION check_posting()")
    op.execute("ALTER TABLE organisations DROP COLUMN overage_limit_nanos")
