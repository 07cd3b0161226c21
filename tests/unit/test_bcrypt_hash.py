import bcrypt
import pytest
from ansible.errors import AnsibleFilterError
from bcrypt_hash import bcrypt_hash
from hypothesis import given, settings
from hypothesis import strategies as st

PASSWORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=18)


@settings(max_examples=40, deadline=None)
@given(PASSWORDS, st.text(max_size=40))
def test_a_hash_is_the_same_each_time_and_fits_its_password_alone(password, seed):
    made = bcrypt_hash(password, seed, 4)
    assert made == bcrypt_hash(password, seed, 4)
    assert made.startswith("$2y$04$")
    assert bcrypt.checkpw(password.encode(), made.encode())
    assert not bcrypt.checkpw((password + "x").encode(), made.encode())


def test_each_seed_has_a_salt_of_its_own():
    assert len({bcrypt_hash("secret", f"seed {user}", 4)[:29] for user in range(20)}) == 20


def test_refuses_what_bcrypt_would_cut():
    assert bcrypt_hash("x" * 72, "seed", 4)
    with pytest.raises(AnsibleFilterError, match="A password has 73 octets; at most 72 are possible"):
        bcrypt_hash("x" * 71 + "ü", "seed", 4)
