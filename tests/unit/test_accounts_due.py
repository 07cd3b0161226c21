import pytest
from accounts_due import accounts_due
from ansible.errors import AnsibleFilterError

HOST = ["group", "skel"]
ONE = "user|user1|1000|/bin/bash|set||user1 dummies|yes|yes|User One,,,"


def seen(*accounts, made=("user1",), host=HOST):
    return "\n".join([*host, *(f"made|{name}" for name in made), *accounts]) + "\n"


def due(users, text, **more):
    return accounts_due(users, text, "dummies", "/bin/bash", **more)


USER = {"name": "user1", "full_name": "User One"}


def test_nothing_is_due_when_all_is_as_wanted():
    assert due([USER], seen(ONE), ssh_keys=True) == []
    assert due([USER | {"uid": 1000, "groups": ["dummies"]}], seen(ONE)) == []
    assert due([], seen(made=())) == []


def test_a_bare_host():
    assert due([USER], "") == [
        {
            "name": "the host",
            "action": "host",
            "reasons": ["there is no group dummies", "there is no Maildir in /etc/skel"],
            "needs_password": False,
        },
        USER
        | {
            "shell": "/bin/bash",
            "groups": ["dummies"],
            "action": "create",
            "reasons": ["there is no such account"],
            "needs_password": True,
        },
    ]


@pytest.mark.parametrize(
    ("old", "new", "more", "reason"),
    [
        ("/bin/bash", "/bin/sh", {}, "its shell is /bin/sh, not /bin/bash"),
        ("1000", "1001", {"uid": 1000}, "its uid is 1001, not 1000"),
        ("User One", "", {}, "its full name is none, not User One"),
        ("user1 dummies", "user1", {}, "it is not in dummies"),
        ("user1 dummies", "dummies", {"groups": ["audio", "sudo"]}, "it is not in audio, sudo"),
        ("|yes|yes", "|no|yes", {}, "it has no Maildir"),
        ("|yes|yes", "|yes|no", {}, "it has no SSH key"),
        ("|set|", "|none|", {}, "it has no password"),
    ],
)
def test_what_is_not_as_wanted_is_changed(old, new, more, reason):
    (item,) = due([USER | more], seen(ONE.replace(old, new)), ssh_keys=True)
    assert (item["action"], item["reasons"]) == ("change", [reason])
    assert item["needs_password"] == ("password" in reason)


@pytest.mark.parametrize("name", ["User | One", 'U"s\\er', "Ñandú; Ï"])
def test_a_name_is_what_it_is(name):
    assert due([USER | {"full_name": name}], seen(ONE.replace("User One", name)), ssh_keys=True) == []


def test_somebody_whom_an_admin_has_locked_stays_locked():
    assert due([USER], seen(ONE.replace("|set|", "|locked|"))) == []


def test_who_is_on_the_list_no_more_is_locked_if_made_here():
    (item,) = due([], seen(ONE))
    assert (item["name"], item["action"]) == ("user1", "lock")
    assert due([], seen(ONE, made=())) == []


def test_who_is_locked_stays_so_until_back_on_the_list():
    locked = ONE.replace("|set||", "|locked|1|")
    assert due([], seen(locked)) == []
    (item,) = due([USER], seen(locked))
    assert (item["action"], item["reasons"], item["needs_password"]) == ("unlock", ["it is locked"], False)


def test_who_is_to_be_deleted_is_and_once():
    (item,) = due([], seen(ONE), deleted=["user1", "user9"])
    assert (item["name"], item["action"]) == ("user1", "delete")
    assert due([], seen(), deleted=["user1"]) == []


@pytest.mark.parametrize(
    ("users", "more", "message"),
    [
        ([USER, USER], {}, "Edit accounts_users: twice there: user1"),
        ([USER], {"deleted": ["user1"]}, "Edit accounts_users or accounts_deleted: in both of them: user1"),
        (
            [{"name": "daemon"}],
            {},
            "Edit accounts_users or accounts_deleted: an account of the system, not of a person: ",
        ),
        ([], {"deleted": ["daemon"]}, "an account of the system, not of a person: daemon"),
        ([USER], {"passwords": {}}, "Edit accounts_passwords: no password for user1"),
        ([USER], {"passwords": {"user1": ""}}, "no password for user1"),
    ],
)
def test_refuses_what_cannot_be_meant(users, more, message):
    with pytest.raises(AnsibleFilterError) as error:
        due(users, seen(ONE, "user|daemon|1|/usr/sbin/nologin|none||daemon|no|no|daemon"), **more)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("written", "reason", "anew"),
    [
        (["given|user1|old"], "its password is another one in the settings", True),
        (["given|user10|new"], "its password is not written down yet", False),
        ([], "its password is not written down yet", False),
    ],
)
def test_a_password_that_is_another_one_in_the_settings_is_given(written, reason, anew):
    (item,) = due([USER], seen(ONE, *written), given={"user1": "new"})
    assert (item["action"], item["reasons"], item["needs_password"]) == ("change", [reason], anew)


def test_a_password_is_given_once():
    assert due([USER], seen(ONE, "given|user1|new"), given={"user1": "new"}) == []
