#!/bin/sh
# Certify public keys, each of which gets its certificate beside it: FOLDER/NAME-cert.pub.
#   certify.sh FOLDER HOST SERIAL VALIDITY [NAME KEY AUTHORITY KIND PRINCIPALS]...
# AUTHORITY is the file of a private key, whose passphrase askpass.sh tells; KIND is host or user; PRINCIPALS have commas.
set -eu
umask 077
folder=$1 host=$2 serial=$3 validity=$4
shift 4
mkdir -p "$folder"
while [ $# -gt 0 ]; do
    printf '%s\n' "$2" >"$folder/$1.pub"
    [ "$4" = host ] && for_a_host=-h || for_a_host=
    # shellcheck disable=SC2086 # an option, or none
    ssh-keygen -q -s "$3" $for_a_host -I "$host $1" -n "$5" -V "$validity" -z "$serial" "$folder/$1.pub"
    shift 5
done
