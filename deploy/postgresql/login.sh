#!/bin/sh
# login.sh: at the first start of docker-compose.prod.yml's database, make the login of DATABASE_URL. It owns nothing; what it may
# do, `llmgateway migrate` grants it.
set -eu
export DATABASE_LOGIN="${DATABASE_LOGIN:-llmgateway}"
export DATABASE_PASSWORD_FILE="${DATABASE_PASSWORD_FILE:-/run/secrets/database_password}"
psql -X -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set login `echo "$DATABASE_LOGIN"`
\set password `cat "$DATABASE_PASSWORD_FILE"`
CREATE ROLE :"login" LOGIN PASSWORD :'password';
SQL
