#!/bin/sh
# Tells ssh-keygen(1) the passphrase: as an argument, everybody on this machine could read it.
printf '%s\n' "$PASSPHRASE"
