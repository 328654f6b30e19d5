#!/bin/sh
# Prepares the cluster at the first start, then becomes the server. POSTGRES_PASSWORD is the superuser's.
set -eu
data=/data/cluster
bin=$(echo /usr/lib/postgresql/*/bin)
as_postgres="setpriv --reuid=postgres --regid=postgres --init-groups --"
if [ ! -s "$data/PG_VERSION" ]; then
    # What a first start that was cut off has left is no cluster.
    rm -rf "$data"
    mkdir "$data"
    chown postgres:postgres "$data"
    chmod 0700 "$data"
    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$secret"
    chown postgres "$secret"
    $as_postgres "$bin/initdb" -D "$data" --locale=C --encoding=UTF8 --auth-local=peer --auth-host=password --pwfile="$secret"
    rm "$secret"
    echo "host all all all password" >> "$data/pg_hba.conf"
fi
mkdir -p /var/run/postgresql
chown postgres /var/run/postgresql
# shellcheck disable=SC2086
exec $as_postgres "$bin/postgres" -D "$data" -c listen_addresses='*' -c jit=off
