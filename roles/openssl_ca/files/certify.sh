#!/bin/sh
# Certify what a host asks for, and write the certificates to the standard output, each after a line "=== NAME".
#   certify.sh FOLDER HOST [NAME REQUEST EXTENSIONS SUBJECT DAYS]...
# FOLDER is the authority's, whose openssl.cnf is in $CONFIG; its key has the passphrase $PASSPHRASE.
set -eu
umask 077
folder=$1 host=$2
shift 2
mkdir -p "$folder/requests"
printf '%s\n' "$CONFIG" >"$folder/openssl.cnf"
while [ $# -gt 0 ]; do
    stem=$folder/requests/$host-$1
    printf '%s\n' "$2" >"$stem.pem"
    printf '%s\n' "$3" >"$stem.cnf"
    echo "=== $1"
    openssl ca -config "$folder/openssl.cnf" -batch -notext -utf8 -create_serial -in "$stem.pem" -extfile "$stem.cnf" \
        -subj "$4" -days "$5" -passin env:PASSPHRASE
    shift 5
done
