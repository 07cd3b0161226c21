import pytest
from among import among
from ansible.errors import AnsibleFilterError


@pytest.mark.parametrize("names", [[], ["user1"], ["user2", "user1", "user2"]])
def test_known_names_come_back(names):
    assert among(names, ["user1", "user2"], "a_groups", "a_people") is names


@pytest.mark.parametrize(
    ("names", "known", "words"),
    [
        (["x"], ["user1", "user2"], "Edit a_groups or a_people: there is no x; there are user1, user2"),
        (["x", "user1", "y", "x"], ["user1"], "Edit a_groups or a_people: there is no x, y; there are user1"),
        (["x"], [], "Edit a_groups or a_people: there is no x; there are none"),
    ],
)
def test_others_are_refused(names, known, words):
    with pytest.raises(AnsibleFilterError) as error:
        among(names, known, "a_groups", "a_people")
    assert str(error.value) == words
