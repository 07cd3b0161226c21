"""Users write in their own names and not to thousands, and honest strangers are not turned away."""

from typing import Any

import pytest

from lab import Lab, wait_until
from letters import letter, mark, read, said

pytestmark = pytest.mark.only_swapped
MAIL = ("playbooks/mail.yml", "-l", "primary")


def sent(lab: Lab, user: str, sender: str, author: str = "", word: str = "") -> tuple[int, str]:
    """Let a user hand in a letter to user2; return the first answer that is a refusal, or else the last one."""
    text = "DATA\n" + letter(author or sender, word)
    answers = said(lab, [f"MAIL FROM:<{sender}>", "RCPT TO:<user2@st.um>", text], user)
    return next((answer for answer in answers if answer[0] >= 400), answers[-1])


@pytest.mark.parametrize(
    ("user", "sender", "author"),
    [
        pytest.param("user2", "user2@st.um", "", id="the own name"),
        pytest.param("user2@st.um", "USER2@St.Um", "User Two <user2@st.um>", id="in other letters"),
        pytest.param("user2", "user2+shop@st.um", "", id="a tag"),
        pytest.param("user2", "", "user2@st.um", id="a receipt"),
        pytest.param("user1", "postmaster@st.um", "abuse@st.um", id="a duty, by way of two aliases"),
    ],
)
def test_users_write_as_themselves(lab: Lab, user: str, sender: str, author: str) -> None:
    word = mark(lab)
    assert sent(lab, user, sender, author, word)[0] == 250
    read(lab, "user2", word)


@pytest.mark.parametrize(
    ("sender", "author"),
    [
        pytest.param("user1@st.um", "user1@st.um", id="somebody else"),
        pytest.param("user2@st.um", "user1@st.um", id="somebody else, in the letter alone"),
        pytest.param("user2@st.um", "user2@st.um, user1@st.um", id="somebody else, too"),
        pytest.param("", "user1@st.um", id="somebody else, in a receipt"),
        pytest.param("user2@example.org", "user2@st.um", id="the own name elsewhere"),
        pytest.param("postmaster@st.um", "postmaster@st.um", id="a duty of somebody else's"),
        pytest.param("user2@st.um", '"user2@st.um" <user1@st.um>', id="the own name before the address"),
    ],
)
def test_users_do_not_write_as_somebody_else(lab: Lab, sender: str, author: str) -> None:
    code, words = sent(lab, "user2", sender, author)
    assert code == 550
    assert "You are user2, and may not write as" in words


def test_further_names_and_a_limit_to_people_are_settings(lab: Lab) -> None:
    settings: dict[str, Any] = {"exim4_senders": {"user2": ["shop@example.org"]}, "exim4_rate_limit": 2}
    settings |= {"exim4_rate_period": 15}
    recipients = [f"RCPT TO:<user2+{number}@st.um>" for number in range(3)]
    try:
        lab.playbook(*MAIL, settings=settings)
        answers = said(lab, ["MAIL FROM:<shop@example.org>", *recipients], "user2")
        assert [code for code, _ in answers] == [250, 250, 250, 450]
        assert "You may write to 2 people in 15 seconds" in answers[-1][1]
        assert [code for code, _ in said(lab, ["MAIL FROM:<user1@st.um>", *recipients[:1]], "user1")] == [250, 250]
        assert said(lab, ["MAIL FROM:<user2@st.um>", *recipients[:1]], "user2")[-1][0] == 450
        assert "user2 has written to " in lab.run("primary", "tail", "-n", "20", "/var/log/exim4/mainlog")
        # What was refused does not count.
        wait_until(lambda: said(lab, ["MAIL FROM:<user2@st.um>", *recipients[:1]], "user2")[-1][0] == 250)
    finally:
        lab.playbook(*MAIL)
    assert sent(lab, "user2", "shop@example.org")[0] == 550


def test_letters_to_nobody_have_a_reader_where_the_settings_say_so(lab: Lab) -> None:
    nobody = ["MAIL FROM:<user@example.org>", "RCPT TO:<nobody.at.all@st.um>"]
    assert said(lab, nobody)[-1][0] == 550
    try:
        lab.playbook(*MAIL, settings={"exim4_catch_all": {"st.um": "user1@st.um"}})
        word = mark(lab)
        answers = said(lab, [*nobody, "DATA\n" + letter("user@example.org", word)])
        assert [code for code, _ in answers] == [250, 250, 250]
        read(lab, "user1", word)
        assert said(lab, ["MAIL FROM:<>", "RCPT TO:<nobody+tag@st.um>"])[-1][0] == 250
        word = mark(lab)
        said(lab, ["MAIL FROM:<>", "RCPT TO:<user2@st.um>", "DATA\n" + letter("user@example.org", word)])
        read(lab, "user2", word)
    finally:
        lab.playbook(*MAIL)
    assert said(lab, nobody)[-1][0] == 550


@pytest.mark.parametrize(
    "hello",
    ["[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost", "does-not-exist.invalid", "laptop", "www.example.org"],
)
def test_what_honest_servers_call_themselves_is_taken(lab: Lab, hello: str) -> None:
    answers = said(lab, ["MAIL FROM:<user@example.org>", "RCPT TO:<user2@st.um>"], host="internet", hello=hello)
    assert [code for code, _ in answers] == [250, 250]


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        pytest.param("", 250, id="a notice, to which nobody answers"),
        pytest.param("user@www.example.org", 250, id="a host that is its own mail server"),
        pytest.param("user@nowhere.example.org", 550, id="a domain that there is not"),
        pytest.param("user@www.broken.example.org", 451, id="a domain that cannot be looked up now"),
    ],
)
def test_whom_an_answer_can_reach_may_write(lab: Lab, sender: str, code: int) -> None:
    answers = said(lab, [f"MAIL FROM:<{sender}>", "RCPT TO:<user2@st.um>"], host="internet", hello="mx.example.org")
    assert answers[-1][0] == code


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"exim4_catch_all": {"st um": "user1"}}, "Edit exim4_catch_all: 'st um' is not valid as domain"),
        ({"exim4_catch_all": {"st.um": "a b"}}, "Edit exim4_catch_all.st.um: 'a b' is not valid as mailbox"),
        ({"exim4_senders": {"user1": ["x y"]}}, "Edit exim4_senders.user1[0]: 'x y' is not valid as mailbox"),
        ({"exim4_rate_limit": -1}, "Edit exim4_rate_limit: -1 is not valid as 0..1000000"),
        ({"exim4_rate_period": 0}, "Edit exim4_rate_period: 0 is not valid as 1..31536000"),
        ({"exim4_smarthost": {"port": 587}}, "Edit exim4_smarthost"),
    ],
)
def test_what_makes_no_sense_is_refused(lab: Lab, settings: dict[str, Any], words: str) -> None:
    assert words in lab.playbook("playbooks/prepare.yml", "-l", "primary", settings=settings, fails=True)
