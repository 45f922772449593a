# Makes the secrets that compose.yaml refers to, each in a file of its own; keeps those that are there.
#   sh var/deploy/secrets.sh [FOLDER]        (var/secrets by default)
set -eu
folder=${1:-"$(dirname "$0")/@root/var/secrets"}
umask 077
mkdir -p "$folder"

random() { python3 -c 'import secrets; print(secrets.token_urlsafe(48), end="")'; }
keep() { [ -s "$folder/$1" ] || printf '%s' "$2" > "$folder/$1"; }

keep postgres_password "$(random)"
# @each clients
keep @{client}_client "$(random)"
# @end clients
for service in shop @names; do
    keep "${service}_secret_key" "$(random)"
    keep "${service}_database_password" "$(random)"
    keep "${service}_database_url" "postgres://$service:$(cat "$folder/${service}_database_password")@@postgres:5432/$service"
done
# The containers read them as other users: the shop as 10001, PostgreSQL as 70. Root can give each file to its reader
# alone; anybody else shuts the folder, out of which containers are given single files.
if [ "$(id -u)" = 0 ]; then
    chmod 600 "$folder"/*
    chown 10001 "$folder"/*
    chown 70 "$folder"/*_password
else
    chmod 644 "$folder"/*
fi
chmod 700 "$folder"
