#!/bin/sh
# Make a certificate authority, or complete one that an earlier run has left half made: a key that is there stays.
#   authority.sh FOLDER SIGNER KIND DAYS SUBJECT
# SIGNER is the folder of the authority that certifies it, which may be itself; KIND is root or issuing, a section of its
# configuration, openssl.cnf, which is in $CONFIG. Both keys have the passphrase $PASSPHRASE.
set -eu
umask 077
folder=$1 signer=$2 kind=$3 days=$4 subject=$5

mkdir -p "$folder/private" "$folder/newcerts"
printf '%s\n' "$CONFIG" >"$folder/openssl.cnf"
for record in index.txt crl.pem; do
    [ -e "$folder/$record" ] || : >"$folder/$record"
done
[ -s "$folder/crlnumber" ] || echo 01 >"$folder/crlnumber"

key=$folder/private/cakey.pem
if ! [ -s "$key" ]; then
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -aes-256-cbc -pass env:PASSPHRASE -out "$key.new"
    mv "$key.new" "$key"
fi
openssl req -new -utf8 -key "$key" -passin env:PASSPHRASE -subj "$subject" -out "$folder/request.pem"

# Not by openssl itself, which would leave an empty file when it fails.
[ "$signer" = "$folder" ] && self=-selfsign || self=
# shellcheck disable=SC2086 # an option, or none
openssl ca -config "$signer/openssl.cnf" -batch -notext -create_serial -extensions "$kind" -days "$days" \
    -passin env:PASSPHRASE $self -in "$folder/request.pem" >"$folder/cacert.pem.new"
chmod 0644 "$folder/cacert.pem.new"
mv "$folder/cacert.pem.new" "$folder/cacert.pem"
