#!/bin/sh
# restore.sh FILE: bring a dump back into the empty database of DATABASE_URL, as a superuser or the managed service's admin.
# Then run `llmgateway migrate`, which lets the gateway's own user in.
set -eu
file=${1:?usage: DATABASE_URL=... sh restore.sh FILE}
url=${DATABASE_URL:?set DATABASE_URL to the empty database}
url=postgresql:${url#*:} # without the driver that Python's URLs may name
tables=$(psql -XtA -c "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" "$url")
if [ "$tables" != 0 ]; then
    echo "There are $tables tables in this database already. Restore into an empty one." >&2
    exit 1
fi
# Roles belong to the server, not to a database, so a dump has none.
for role in owner app data worker admin lookup; do
    psql -XqtA -c "SELECT 1 FROM pg_roles WHERE rolname = 'llmgateway_$role'" "$url" | grep -q 1 ||
        psql -Xq -v ON_ERROR_STOP=1 -c "CREATE ROLE llmgateway_$role NOLOGIN" "$url"
done
pg_restore --exit-on-error --single-transaction --dbname "$url" "$file"
echo "restored; now run llmgateway migrate"
