-- A database for one service, to which nobody else may connect, and its three roles. Run as a superuser:
--   psql --set service=orders --set password=... --set owner_password=... --set events_password=... \
--       --file deploy/postgresql/service.sql
-- orders serves and works, and may add events and read them, nothing more; orders_owner migrates;
-- orders_events changes and deletes events, and reads and writes nothing else (EVENTS_DATABASE_URL).
-- Safe to repeat, on a database that was made with one role, too: the roles get the passwords that are given.
\set ON_ERROR_STOP on
\set owner :service _owner
\set events :service _events

SELECT format('CREATE ROLE %I', role) FROM unnest(ARRAY[:'service', :'owner', :'events']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE :"service" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
ALTER ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE :"events" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'events_password';
SELECT format('ALTER ROLE %I SET %s', role, setting) FROM unnest(ARRAY[:'service', :'owner', :'events']) AS role, unnest(ARRAY[
    'statement_timeout = ''30s''', 'jit = off', 'lock_timeout = ''10s''',
    'idle_in_transaction_session_timeout = ''60s''', 'client_connection_check_interval = ''2s''']) AS setting \gexec
-- To build an index of a large table takes longer.
ALTER ROLE :"owner" SET statement_timeout = 0;

SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
ALTER DATABASE :"service" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"service" TO :"service", :"owner", :"events";

\connect :"service"
REASSIGN OWNED BY :"service" TO :"owner";
REVOKE CREATE ON SCHEMA public FROM PUBLIC, :"service";
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"service", :"events";

-- Each `migrate` calls it at its end, for the tables that it made.
SELECT format($format$
CREATE OR REPLACE FUNCTION share_tables() RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT format('%%I.%%I', relnamespace::regnamespace, relname) AS name,
            relkind = 'S' AS is_sequence, relname ~ '^[a-z0-9]+_event(_id_seq)?$' AS is_of_events
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')
    LOOP
        IF found.is_sequence AND found.is_of_events THEN
            EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %%s TO %1$I, %2$I', found.name);
        ELSIF found.is_sequence THEN
            EXECUTE format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %%s TO %1$I', found.name);
        ELSIF found.is_of_events THEN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %%s FROM %1$I', found.name);
            EXECUTE format('GRANT SELECT, INSERT ON %%s TO %1$I', found.name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %%s TO %2$I', found.name);
        ELSE
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %%s TO %1$I', found.name);
        END IF;
    END LOOP;
END
$function$
$format$, :'service', :'events') \gexec
ALTER FUNCTION share_tables() OWNER TO :"owner";
REVOKE EXECUTE ON FUNCTION share_tables() FROM PUBLIC;
SELECT share_tables() \g /dev/null
