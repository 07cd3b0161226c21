"""The part of the SSH probes that reads what a server offers, against servers that offer it."""

import importlib
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from frame import ProbeError

ssh = importlib.import_module("probes.ssh")
GOOD = [
    "mlkem768x25519-sha256,curve25519-sha256",
    "ssh-ed25519",
    "aes256-ctr",
    "aes256-ctr",
    "hmac-sha2-256-etm@openssh.com",
]


def kexinit(lists: list[str]) -> bytes:
    """Make a packet with the message (RFC 4253 sections 6 and 7.1)."""
    names = [*lists, lists[4], "none", "none", "", ""]
    payload = bytes([20]) + bytes(16)
    payload += b"".join(struct.pack(">I", len(each)) + each.encode() for each in names) + bytes(5)
    padding = 8 + -(len(payload) + 5 + 8) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Answer one connection with these octets."""

    def start(answer: bytes) -> None:
        server = socket.create_server(("127.0.0.1", 0))
        monkeypatch.setattr(ssh, "PORT", server.getsockname()[1])

        def run() -> None:
            connection, _ = server.accept()
            with server, connection:
                connection.sendall(answer)
                connection.recv(100)

        threading.Thread(target=run, daemon=True).start()

    return start


def test_what_is_modern(serve: Callable[[bytes], None]) -> None:
    serve(b"SSH-2.0-x y\r\n" + kexinit(GOOD))
    assert ssh.modern("127.0.0.1") == "SSH-2.0-x y: mlkem768x25519-sha256, aes256-ctr"


@pytest.mark.parametrize(
    ("place", "names", "words"),
    [
        (0, "sntrup761x25519-sha512,diffie-hellman-group14-sha1", "key exchange: diffie-hellman-group14-sha1"),
        (0, "curve25519-sha256,mlkem768x25519-sha256", "the preferred key exchange is curve25519-sha256"),
        (1, "ssh-ed25519,ssh-rsa", "host key: ssh-rsa"),
        (2, "aes256-ctr,aes128-cbc", "cipher: aes128-cbc"),
        (4, "hmac-sha2-256,hmac-sha1", "MAC: hmac-sha1"),
        (4, "hmac-sha1-etm@openssh.com", "MAC: hmac-sha1-etm@openssh.com"),
    ],
)
def test_what_is_not(serve: Callable[[bytes], None], place: int, names: str, words: str) -> None:
    serve(b"SSH-2.0-x\r\n" + kexinit([names if at == place else each for at, each in enumerate(GOOD)]))
    with pytest.raises(ProbeError, match=words):
        ssh.modern("127.0.0.1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "the server ends the connection"),
        (b"x" * 300, "the server sends no version"),
        (b"SSH-2.0-x\r\n" + b"\xff" * 40, "a packet of 4294967295 octets"),
        (b"SSH-2.0-x\r\n" + struct.pack(">IBB", 12, 10, 1) + bytes(10), "message 1 instead of KEXINIT"),
    ],
)
def test_what_is_no_server_of_ssh(serve: Callable[[bytes], None], answer: bytes, words: str) -> None:
    serve(answer)
    with pytest.raises(ProbeError, match=words):
        ssh.modern("127.0.0.1")
