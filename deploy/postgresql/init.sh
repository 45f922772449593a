#!/bin/sh
# For the PostgreSQL image, which runs it once, on an empty volume: a database and a role for each service.
set -eu
for service in shop accounts products orders; do
    psql --quiet --username "$POSTGRES_USER" --dbname postgres \
        --set "service=$service" --set "password=$(cat "/run/secrets/${service}_database_password")" \
        --file /tessera/service.sql
done
