"""Who gets the letters to a name may write in it."""

import pytest
from sender_addresses import sender_addresses


@pytest.mark.parametrize(
    ("aliases", "more", "names"),
    [
        ({}, {}, {}),
        (
            {"Abuse": "root", "root": ["User1", "user2"]},
            {},
            {"root": ["abuse"], "user1": ["abuse", "root"], "user2": ["abuse", "root"]},
        ),
        ({"user1": ["user1", "user2"]}, {}, {"user2": ["user1"]}),
        ({"a": "b", "b": "c", "c": "a"}, {}, {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}),
        ({}, {"user1": ["Shop@st.um"]}, {"user1": ["shop@st.um"]}),
    ],
)
def test_names_lead_to_people(aliases, more, names) -> None:
    assert sender_addresses(aliases, more) == dict(sorted(names.items()))
