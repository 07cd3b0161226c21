"""A server that is believed because the signed DNS says who vouches for it (DANE, RFC 7671)."""

from frame import demand
from transcript import command

from probes.dns_base import look_up

TIMEOUT = 8.0


def believed(address: str, port: int, name: str, *options: str) -> str:
    """Demand a certificate of which the DNS tells, whatever the host trusts; options are those of s_client(1)."""
    answer = look_up(f"_{port}._tcp.{name}.", "TLSA", TIMEOUT)
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    argv = ["openssl", "s_client", "-connect", where, "-servername", name, "-verify_return_error", "-brief", *options]
    argv += ["-no-CAfile", "-no-CApath", "-no-CAstore", "-dane_tlsa_domain", name]
    for record in answer:
        argv += ["-dane_tlsa_rrdata", f"{record.usage} {record.selector} {record.mtype} {record.cert.hex()}"]
    done = command(argv, address, port, timeout=TIMEOUT)
    said = [line for line in (done.stderr + done.stdout).splitlines() if "DANE TLSA" in line or "error" in line]
    demand(done.returncode == 0 and said and "matched" in said[0], " ".join(said) or done.stderr)
    return said[0]
