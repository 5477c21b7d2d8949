#!/bin/sh
# backup.sh FILE: dump the database of DATABASE_URL into one file, whole or not at all.
# The user needs to read past row-level security: see docs/operate/backup.md.
set -eu
file=${1:?usage: DATABASE_URL=... sh backup.sh FILE}
url=${DATABASE_URL:?set DATABASE_URL to the database to back up}
url=postgresql:${url#*:} # without the driver that Python's URLs may name
umask 077
draft="$file.part"
trap 'rm -f "$draft"' EXIT
pg_dump --format=custom --file "$draft" "$url"
pg_restore --list "$draft" >/dev/null # can it be read again?
mv "$draft" "$file"
echo "$file: $(wc -c <"$file") bytes"
