#!/bin/sh
# For the PostgreSQL image, which runs it once, on an empty volume: a database and a role for each of DATABASES.
# Safe to run again, for a service that came later.
set -eu
for service in $DATABASES; do
    psql --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set "service=$service" --set "password=$(cat "/run/secrets/${service}_database_password")" \
        --file /tessera/service.sql
done
