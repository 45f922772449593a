# Makes the secrets that compose.yaml refers to, each in a file of its own; keeps those that are there.
#   sh var/deploy/secrets.sh [FOLDER]        (var/secrets by default)
set -eu
folder=${1:-"$(dirname "$0")/@root/var/secrets"}
umask 077
mkdir -p "$folder"

# Written beside and linked, so that none is ever half written, and of two runs at once both have the first one's.
keep() {
    new=$folder/.$1.$$
    printf '%s' "$2" > "$new"
    ln "$new" "$folder/$1" 2>/dev/null || [ -s "$folder/$1" ] || mv "$new" "$folder/$1"
    rm -f "$new"
}
keep_random() {
    value=$(python3 -c 'import secrets; print(secrets.token_urlsafe(48), end="")')
    keep "$1" "$value"
}

keep_random postgres_password
# @each clients
keep_random @{client}_client
# @end clients
for service in shop @names; do
    keep_random "${service}_secret_key"
    for role in "$service" "${service}_owner" "${service}_events"; do
        keep_random "${role}_database_password"
        url="postgres://$role:$(cat "$folder/${role}_database_password")@@postgres:5432/$service"
        keep "${role}_database_url" "$url"
        [ "$(cat "$folder/${role}_database_url")" = "$url" ] ||
            echo "${role}_database_url is kept; it is not made of ${role}_database_password." >&2
    done
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
