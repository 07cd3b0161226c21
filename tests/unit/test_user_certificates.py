from certificates_due import certificates_due
from user_certificates import user_certificates


def test_nobody_needs_none():
    assert user_certificates([], "st.um") == []


def test_each_has_one_that_the_authority_may_issue():
    certificates = user_certificates(["user1", "user2"], "st.um")
    assert [(each["name"], each["common_name"], each["group"]) for each in certificates] == [
        ("user-user1", "user1", "user1"),
        ("user-user2", "user2", "user2"),
    ]
    assert [each["emails"] for each in certificates] == [["user1@st.um"], ["user2@st.um"]]
    assert {each["usage"] for each in certificates} == {"client"}
    assert len(certificates_due(certificates, {}, "", 0, domains=["st.um"])) == 2
