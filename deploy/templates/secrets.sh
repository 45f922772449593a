# Makes the secrets that compose.yaml refers to, each in a file of its own; keeps those that are there.
#   sh var/deploy/secrets.sh [FOLDER]        (var/secrets by default)
set -eu
folder=${1:-"$(dirname "$0")/@root/var/secrets"}
mkdir -p "$folder"
umask 077

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
# The containers read them as another user than the one who made them.
chmod 644 "$folder"/*
chmod 711 "$folder"
