# Make the keys that are not there yet, and write requests for certificates to the standard output, each after a line "=== NAME".
#   sh -ec "$(cat request.sh)" FOLDER [NAME KEY TYPE GROUP]...
# TYPE is ecdsa or rsa; GROUP may read the key, root stands for none. A KEY that ends in .new is made anew.
umask 077
mkdir -p -m 0755 "$0"
while [ $# -gt 0 ]; do
    name=$1 key=$2 type=$3 group=$4
    shift 4
    case $key in *.new) rm -f "$key" ;; esac
    if ! [ -s "$key" ]; then
        case $type in
        ecdsa) options='EC -pkeyopt ec_paramgen_curve:P-256' ;;
        rsa) options='RSA -pkeyopt rsa_keygen_bits:3072' ;;
        esac
        # shellcheck disable=SC2086 # a list of options
        openssl genpkey -algorithm $options -out "$key.part"
        mv "$key.part" "$key"
    fi
    chgrp "$group" "$key"
    case $group in root) chmod 0600 "$key" ;; *) chmod 0640 "$key" ;; esac
    echo "=== $name"
    # It proves that its sender has the key. All else is decided by the controller.
    openssl req -new -key "$key" -subj "/CN=$name"
done
