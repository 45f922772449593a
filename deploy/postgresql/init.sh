#!/bin/sh
# For the PostgreSQL image, which runs it once, on an empty volume: a database with its roles for each of DATABASES.
# Safe to run again, for a service that came later, or a database that was made with one role.
set -eu
for service in $DATABASES; do
    psql --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set "service=$service" --set "password=$(cat "/run/secrets/${service}_database_password")" \
        --set "owner_password=$(cat "/run/secrets/${service}_owner_database_password")" \
        --set "events_password=$(cat "/run/secrets/${service}_events_database_password")" \
        --file /tessera/service.sql
done
