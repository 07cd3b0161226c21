"""Which passwords are carried between accounts and the directory."""

import pytest
from password_store import account_hash, carried, crypted, remember, store_in


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("user1:$y$j9T$salt$hash:20000:0:99999:7:::", "$y$j9T$salt$hash"),
        ("user1:!$y$j9T$salt$hash:20000:0:99999:7:::", None),  # locked
        ("user1:*:20000:0:99999:7:::", None),
        ("user1::20000:0:99999:7:::", None),
        ("", None),  # no such account
    ],
)
def test_only_a_hash_by_which_somebody_can_log_in_is_carried(line, found):
    assert account_hash(line) == found


@pytest.mark.parametrize(
    ("value", "found"), [("{CRYPT}$6$x", "$6$x"), ("{crypt}$6$x", "$6$x"), ("{ARGON2}$argon2id$x", None), ("", None)]
)
def test_accounts_have_hashes_of_one_kind(value, found):
    assert crypted(value) == found


ACCOUNTS = {"user1": "$y$1", "user2": "$y$2", "nobody's": "$y$3"}
ENTRIES = {
    "user1": ("cn=User One", "{CRYPT}$y$1"),
    "user2": ("cn=User Two", "{CRYPT}$y$0"),
    "user3": ("cn=User Three", "{CRYPT}$y$9"),
}


def test_the_directory_gets_what_differs_in_the_accounts():
    assert carried("directory", ACCOUNTS, ENTRIES) == ({"user2": "$y$2"}, [])


def test_the_accounts_get_what_differs_in_the_directory():
    assert carried("local", ACCOUNTS, ENTRIES) == ({"user2": "$y$0"}, [])


def test_who_has_another_kind_of_hash_is_told():
    entries = ENTRIES | {"user1": ("cn=User One", "{ARGON2}$argon2id$x")}
    assert carried("local", ACCOUNTS, entries) == ({"user2": "$y$0"}, ["user1"])


def test_the_record_is_of_the_last_time(tmp_path):
    record = str(tmp_path / "folder" / "store")
    assert store_in(record) == "local"
    remember(record, "directory")
    assert store_in(record) == "directory"
    remember(record, "local")
    assert store_in(record) == "local"
