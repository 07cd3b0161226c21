"""A policy is what RFC 8461 says, or there is none."""

import pytest
from ansible.errors import AnsibleFilterError
from mta_sts_policy import mta_sts_policy


@pytest.mark.parametrize("mode", ["enforce", "testing", "none"])
def test_a_policy_has_a_line_for_each_field(mode: str) -> None:
    assert mta_sts_policy(["mail.st.um", "mail2.st.um"], mode, 60).splitlines() == [
        "version: STSv1",
        f"mode: {mode}",
        "mx: mail.st.um",
        "mx: mail2.st.um",
        "max_age: 60",
    ]


@pytest.mark.parametrize(
    ("hosts", "mode", "max_age", "words"),
    [
        (["mail.st.um"], "strict", 60, "is one of enforce, testing, none, and not 'strict'"),
        (["mail.st.um"], "enforce", 31557601, "lasts 0 to 31557600 seconds, and not 31557601"),
        (["mail.st.um"], "enforce", -1, "and not -1"),
        ([], "testing", 60, "names at least one mail server"),
    ],
)
def test_refuses_what_others_would_not_understand(hosts: list[str], mode: str, max_age: int, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        mta_sts_policy(hosts, mode, max_age)


def test_a_withdrawn_policy_needs_no_server() -> None:
    assert mta_sts_policy([], "none", 0) == "version: STSv1\nmode: none\nmax_age: 0\n"
