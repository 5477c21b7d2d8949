#!/bin/sh
# secrets.sh [FOLDER]: make the secrets that docker-compose.prod.yml reads from files; those that are there stay as they are.
# Provider keys and the address for alerts are left empty for you to fill in.
set -eu
folder=${1:-deploy/secrets}
umask 077
mkdir -p "$folder"
random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
put() { [ -e "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"; }
put postgresql_password "$(random 24)"
put database_password "$(random 24)"
put redis_password "$(random 24)"
put database_url "postgresql://llmgateway:$(cat "$folder/database_password")@postgresql:5432/llmgateway"
put database_migration_url "postgresql://postgres:$(cat "$folder/postgresql_password")@postgresql:5432/llmgateway"
put redis_url "redis://:$(cat "$folder/redis_password")@valkey:6379/0"
put secret_key "$(random 32)"
put jwt_secret_key "$(random 32)"
put metrics_token "$(random 24)"
put grafana_password "$(random 16)"
put openai_api_key ""
put anthropic_api_key ""
put stripe_secret_key ""
put stripe_webhook_secret ""
put alert_webhook_url "http://127.0.0.1:9/fill-in-where-alerts-go"
# Containers read them as users of their own, each only what is mounted for it. On this machine nobody else gets through the folder.
chmod 0700 "$folder"
chmod 0644 "$folder"/*
echo "secrets lie in $folder; put your providers' keys into ${folder}/openai_api_key and the like"
