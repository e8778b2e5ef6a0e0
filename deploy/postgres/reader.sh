#!/bin/sh
# Run once by the postgres image when its volume is empty: the role that dashboards read with. It can read everything and change nothing.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$TICKPLANT_READER_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE tickplant_reader LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO tickplant_reader;
ALTER ROLE tickplant_reader SET default_transaction_read_only = on;
ALTER ROLE tickplant_reader SET statement_timeout = '30s';
SQL
