#!/bin/sh
# Revoke certificates, and make an authority's list of those that are revoked.
#   crl.sh FOLDER [SERIAL]...
# with the authority's openssl.cnf in $CONFIG, as its folder may have moved, and the passphrase of its key in $PASSPHRASE.
set -eu
umask 077
folder=$1
shift
printf '%s\n' "$CONFIG" >"$folder/openssl.cnf"
for serial; do
    openssl ca -config "$folder/openssl.cnf" -batch -passin env:PASSPHRASE -revoke "$folder/newcerts/$serial.pem"
done
# Not by openssl itself, which would leave an empty file when it fails. No list is gone while it is replaced.
openssl ca -config "$folder/openssl.cnf" -batch -passin env:PASSPHRASE -gencrl >"$folder/crl.pem.new"
chmod 0644 "$folder/crl.pem.new"
mv "$folder/crl.pem.new" "$folder/crl.pem"
