"""Whatever is given, it is refused before anything changes, with its name, or it is served as it stands.

All settings are gone through, down to the last item in lists and dictionaries, each with values that some program on
the way could take for its own syntax. A setting that is added later is gone through as well. What is refused is told by
the real checks. Of what is taken, all that would reach the hosts is rendered: the value has to be there as it is
spelled where it stands, and nothing else may be different.
"""

import json
import math
import multiprocessing
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.name
import pytest

from preflight import Preflight
from rendering import Rendering
from samples import SAMPLES, Way, changed, leaves, written

TEXTS = {
    "a line end and a directive": "x\nEvil on",
    "a carriage return": "x\rEvil on",
    "a line separator": "x\u2028Evil on",
    "a null octet": "x\0y",
    "an escape sequence": "x\x1b[1my",
    "a tabulator": "x\ty",
    "a change of direction": "x\u202ey",
    "a double quote": 'x"y',
    "a single quote": "x'y",
    "a backslash": "x\\y",
    "a backslash at the end": "x\\",
    "a semicolon": "x;y",
    "a comment": "x #y",
    "a comment at the beginning": "#x",
    "an opening brace": "x{y",
    "a closing brace": "x}y",
    "a block": "x { y }",
    "a command of a shell": "x$(id)",
    "an older one": "x`id`",
    "a variable of a shell": "x$HOME",
    "a pipe": "|id",
    "a file": "</etc/passwd",
    "a tag": "x<b>y",
    "the end of a block of Apache": "</VirtualHost>",
    "an expansion of Exim": "${run{/bin/id}}",
    "an expansion of Dovecot and Apache": "%{HOSTNAME}",
    "one of systemd and OpenSSH": "x%uy",
    "a template": "{{ 7 * 7 }}",
    "a statement of a template": "{% raw %}",
    "an exclamation mark": "!x",
    "an at sign": "@",
    "a comma": "x,y",
    "a colon": "x:y",
    "an equals sign": "x=y",
    "an option": "-x",
    "a way out": "../x",
    "a space": "x y",
    "a space at the end": "x ",
    "another language": "ñandú",
    "300 characters": "x" * 300,
    "nothing": "",
    "a word of YAML": "no",
}
TYPES = {
    "a number": 5,
    "a negative number": -1,
    "a great number": 10**12,
    "no number": math.nan,
    "a fraction": 1.5,
    "a truth value": True,
    "null": None,
    "a list": ["x"],
    "a dictionary": {"x": 1},
}
# What has no meaning for any program that reads it.
PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
# All of the characters that have one, where there is not much room.
DENSE = "x \"'\\;#{}$(id)$HOME`id`|<b>${run{x}}%{H}%u{{ 7 }}!@,:=ñ"
# Words of Python or of Ansible that tell nobody what is wrong.
NOISE = re.compile(
    r"Traceback|Error rendering|has no attribute|NoneType|unsupported operand|not iterable|failed:|Exception"
)
# What the probes expect follows from all the rest.
FOLLOWS = re.compile(r"verify_")
# These are the values of records, which the filter zone_records looks at, together with all others.
RECORDS = re.compile(
    r"site_records\[0\]\.value|site_zones\[0\]\.(records\[0\]\.value|text)|bind9_response_policy\[0\]\.action"
)
# All variables of these roles are given where they are used.
GIVEN_BY_PLAYBOOKS = {"uninstall"}
# With all options in use.
EVERYTHING = {
    "apache_acme": SAMPLES["apache_acme"],
    "identity": "directory",
    "site_sssd": True,
    "exim4_spam_filter": True,
    "dovecot_plaintext": True,
    "dovecot_fulltext_search": True,
    "upkeep_reboot_time": SAMPLES["upkeep_reboot_time"],
    "upkeep_upgrade_calendar": SAMPLES["upkeep_upgrade_calendar"],
}


def all_settings(preflight: Preflight) -> Iterator[tuple[str, Any]]:
    """Give all that can be set, with values in which everything is given."""
    for name, role in preflight.owner.items():
        values = [own.get(name) for own in preflight.values.values()]
        value = next((value for value in values if value not in (None, "", [], {})), None)
        default = preflight.options(role)[name].get("default")
        if not FOLLOWS.match(name):
            yield name, SAMPLES.get(name, default if value is None else value)


def is_name(way: Way) -> bool:
    """Tell whether a way ends at the name of an entry."""
    return bool(way) and isinstance(way[-1], tuple)


def values_for(way: Way, leaf: Any) -> list[Any]:
    """Return what is given in the place of something."""
    if is_name(way):
        return [*TEXTS.values()]
    if isinstance(leaf, bool):
        return [value for value in [*TYPES.values(), "no", "yes", ""] if value is not True]
    if isinstance(leaf, int | float):
        return [*TYPES.values(), str(leaf), ""]
    others = [*TEXTS.values(), *TYPES.values()]
    return [value for value in others if isinstance(value, str) or type(value) is not type(leaf)]


def is_secret(option: dict[str, Any], way: Way) -> bool:
    """Tell whether what is at the end of a way is a secret, or could be taken for one."""
    inner = option.get("options") or {}
    if option.get("no_log"):
        return not is_name(way)
    if not way or isinstance(way[0], int):
        return is_secret(option, way[1:]) if way else any(is_secret(each, ()) for each in inner.values())
    return not is_name(way) and is_secret(inner.get(way[0]) or {}, way[1:])


def misjudged(name: str, message: str, secret: str) -> str:
    """Say what is wrong with a message, nothing if it is as it should be."""
    if secret and secret in message:
        return "it tells a secret"
    if not re.search(rf"\b{name}\b", message):
        return f"it does not name {name}"
    return "it is noise" if NOISE.search(message) else ""


def look_at(preflight: Preflight, name: str, value: Any) -> tuple[list[str], dict[Way, list[Any]]]:
    """Return what is wrong with the refusals of a setting's values, and which are taken, by where they are given."""
    wrong, taken = [], {}
    option = preflight.options(preflight.owner[name])[name]
    for way, leaf in leaves(value):
        hides = is_secret(option, way)
        for given in values_for(way, leaf):
            settings = {name: changed(value, way, given)}
            message = preflight.misgiven(settings)
            if not message and RECORDS.fullmatch(written(name, way)):
                message = preflight.refusal(settings, hosts=[preflight.first])
            secret = repr(given)[1:30].removesuffix("'") if hides and isinstance(given, str) and len(given) > 2 else ""
            if message and (reason := misjudged(name, message, secret)):
                wrong.append(f"{written(name, way)}, {given!r:.40}: {reason}: {message:.300}")
            elif not message:
                taken.setdefault(way, []).append(given)
    return wrong, taken


Found = dict[str, tuple[list[str], dict[Way, list[Any]]]]
here: dict[str, Any] = {}  # for the processes that are forked


def at_once(function: Any, tasks: list[Any]) -> list[Any]:
    """Do tasks, as many at a time as there are cores."""
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        return pool.map(function, tasks, chunksize=1)


def look_at_one(name: str) -> tuple[list[str], dict[Way, list[Any]]]:
    """Look at a setting, in a process of its own."""
    return look_at(here["preflight"], name, here["settings"][name])


@pytest.fixture(scope="module")
def settings(preflight: Preflight) -> dict[str, Any]:
    return dict(all_settings(preflight))


@pytest.fixture(scope="module")
def found(preflight: Preflight, settings: dict[str, Any]) -> Found:
    here.update(preflight=preflight, settings=settings)
    return dict(zip(settings, at_once(look_at_one, list(settings)), strict=True))


def unseen(options: dict[str, Any], given: Any, path: str = "") -> list[str]:
    """Return the options that have no value."""
    missing = []
    for name, option in options.items():
        value = given.get(name)
        inner = value[0] if isinstance(value, list) and value else value
        if value in (None, "", [], {}):
            missing.append(path + name)
        elif option.get("options"):
            missing += unseen(option["options"], inner, f"{path}{name}.")
    return missing


def test_nothing_is_left_out(preflight: Preflight, settings: dict[str, Any]) -> None:
    """A new option needs a value in the lab's settings or in samples.py."""
    roles = {path.parent.parent.name for path in Path("roles").glob("*/meta/argument_specs.yml")}
    assert set(preflight.owner.values()) == roles - GIVEN_BY_PLAYBOOKS
    for role in set(preflight.owner.values()):
        options = {name: option for name, option in preflight.options(role).items() if not FOLLOWS.match(name)}
        assert unseen(options, settings) == []


def test_what_is_right_is_taken(preflight: Preflight, settings: dict[str, Any]) -> None:
    assert preflight.refusal({}) == ""
    assert [name for name, value in settings.items() if preflight.misgiven({name: value})] == []


def test_what_is_wrong_is_refused_with_its_name(found: Found) -> None:
    wrong = [line for lines, _ in found.values() for line in lines]
    assert wrong == [], f"{len(wrong)} messages"


@pytest.mark.parametrize("least", ["a negative number", "a great number"])
def test_numbers_have_bounds(least: str, found: Found) -> None:
    taken = [
        written(name, way)
        for name, (_, ways) in found.items()
        for way, values in ways.items()
        if TYPES[least] in values
    ]
    assert [place for place in taken if not re.search(r"spam_|options|attributes|\.value$|quotas", place)] == []


# How a value is spelled where it stands.


def as_html(value: str) -> str:
    """Spell a value as the text of a page (Jinja's filter escape)."""
    for character, entity in {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}.items():
        value = value.replace(character, entity)
    return value


def as_json(value: str) -> str:
    """Spell a value within a string of JSON."""
    return json.dumps(value)[1:-1]


def as_zone(value: str) -> str:
    """Spell a value within a character-string of a zone file (RFC 1035 section 5.1)."""
    octets = [chr(octet) if 32 <= octet < 127 else f"\\{octet:03}" for octet in value.encode()]
    return "".join(f"\\{octet}" if octet in '"\\' else octet for octet in octets)


def as_dn(value: str) -> str:
    """Spell a value in a distinguished name (RFC 4514 section 2.4), as slapd does."""
    return re.sub(r'[\\,+"<>;=]|^[ #]| $', lambda found: f"\\{ord(found[0]):02X}", value)


def as_subject(value: str) -> str:
    """Spell a value in the subject of a certificate (openssl-ca(1), -subj)."""
    return re.sub(r"([/+\\])", r"\\\1", value)


def as_it_is(value: str) -> str:
    """Spell a value where nothing has a meaning, or where it is a whole text that somebody gives as such."""
    return value


def as_line(value: str) -> str:
    """Spell a value where all of a line, or the rest of it, is what somebody gives, but for its end."""
    assert not re.search(r"[\x00-\x1f\x7f]|\\$", value), f"{value!r} is more than a line"
    return value


def as_words(value: str) -> str:
    """Spell a value where few characters have no meaning."""
    assert re.fullmatch(r"[\w .@+=&~'/:()*-]*", value), f"{value!r} is syntax there"
    return value


# Of what there is: the place, whose setting, and how it is spelled there.
SPELLINGS = [
    (r"apache/pages\.yml .*argv\[\d+\]", r"", as_html),
    (r"template verify\.json\.j2", r"site_(records|zones)", lambda value: as_json(as_zone(value))),
    (r"template (verify|upkeep)\.json\.j2", r"", as_json),
    (r"template zone\.j2|\.undo", r"", as_zone),
    (r"ldap_entries\.args\.entries\[\d+\]\.(dn|attributes\.member\[\d+\])", r"", as_dn),
    (r"command\.args\.argv\[\d+\]", r"openssl_ca_subject", as_subject),
    # Lines for programs that read nothing else from them, name:password, and answers of debconf
    (r"command\.args\.stdin", r".*password|packages_answers", as_line),
    # What somebody gives is a whole file, or a line of a configuration, which stays one.
    (r"template script\.sieve\.j2|mail_discovery.*\.content", r"dovecot_sieve|.*mta_sts", as_it_is),
    (r"template (sshd|server|vhost|local-2\.\d)\.conf\.j2|template main(\.cf)?\.j2", r".*options", as_line),
    (r"template firewall\.nft\.j2", r"firewall_rules", as_line),
    (r"template \w+\.timer\.j2", r"(backup|upkeep)_\w*calendar", as_line),
    (r"template passwd\.client\.j2", r"exim4_smarthost_password", as_line),
    (r"template \S+", r"", as_words),
    # Arguments of modules and programs, and their environment, which are handed on as they are
    (r"(args|environment|reload)\S*", r"", as_it_is),
]
# What these are, others have to fit to, or it makes no difference where a person gives them.
ALONE = re.compile(
    r"site_(domain|hosts|nameservers|directory_hosts|zone_defaults|tlsa|postmaster|dkim_published|mta_sts_policy|tls_reports)|"
    r"site_(zones\[0\]\.(nameservers|text)|\w*dynamic_zones|\w*certificates|directory_(service|login)|sssd_login|web_reload)|"
    r"bind9_(zone_defaults|primaries|secondaries|response_policy\[0\]\.action|dynamic_zones|catalog_zone|policy_zone|views)|"
    r"(site|apache)_\w*hosts\[0\]\.(name|aliases)|restart_|exim4_hostname|"
    r"mail_discovery_(services|domains)|slapd_(unit|entries\[0\]\.dn)|openssl_ca_certificates\[0\]\.emails|identity|"
    r"\w+_directory(\.|$)|ldap_client_base|site_(published|delegations|mail_records|directory_records|dns_zones)|"
    r"site_(all_zones|vhosts|all_vhosts)|(site|bind9)_secondary_zones|openssl_ca_revoked|bind9_zones"
)


# As no random secret happens to have it.
MARK = re.compile(r"qx\d{3}z")


class Marked:
    """A setting that is given a value with a mark by which it is found, once as a plain text, once as a hostile one."""

    def __init__(self, number: int, name: str, way: Way) -> None:
        """Keep where it is."""
        self.mark, self.name, self.way, self.hostile = f"qx{number:03}z", name, way, ""
        self.place, self.is_domain = written(name, way), False

    def spelled(self, place: str) -> str:
        """Return the hostile value as it is to be spelled somewhere."""
        if self.is_domain:
            return dns.name.from_text(self.hostile, None, dns.name.IDNA_2008_Practical).to_text()
        for where, whose, spell in SPELLINGS:
            if re.search(rf"({where})$", place) and re.match(whose, self.place):
                return spell(self.hostile)
        raise AssertionError(f"{self.place} is in {place}, and nothing here says how it is spelled there")


def marked(preflight: Preflight, found: Found, settings: dict[str, Any]) -> list[Marked]:
    """Return the settings that take something with a meaning, each with as much of that as it takes."""
    marks = []
    for name, (_, ways) in found.items():
        for way, taken in ways.items():
            texts = [text for text in taken if isinstance(text, str) and text and not PLAIN.fullmatch(text)]
            if not texts or is_name(way) or ALONE.match(written(name, way)):
                continue
            mark = Marked(len(marks), name, way)
            for text in (" ".join(texts), DENSE, *reversed(texts)):
                if not preflight.misgiven({name: changed(settings[name], way, f"{text}{mark.mark}")}):
                    mark.hostile = f"{text}{mark.mark}"
                    mark.is_domain = text == TEXTS["another language"] and "x y" not in taken
                    break
            marks.append(mark)
    return marks


def render(task: tuple[str, bool, str]) -> dict[str, str]:
    """Render all that reaches a host, in a process of its own."""
    prefix, is_hostile, host = task
    given = combined(here["settings"], here["marks"], prefix, is_hostile)
    rendering: Rendering = here["rendering"]
    return rendering.texts(rendering.preflight.variables(given)[host], host, rendering.preflight.roles[host])


def combined(settings: dict[str, Any], marks: list[Marked], prefix: str, is_hostile: bool) -> dict[str, Any]:
    """Return settings with many values at once, plain or hostile ones."""
    given: dict[str, Any] = {}
    for mark in marks:
        if re.match(prefix, mark.name):
            text = mark.hostile if is_hostile else mark.mark
            given[mark.name] = changed(given.get(mark.name, settings[mark.name]), mark.way, text)
    return given


def comparable(text: str) -> Counter[str]:
    """Return the lines of a text, in whatever order, as far as they do not differ by chance."""
    text = re.sub(r"\$2y\$10\$[./A-Za-z0-9]{53}|\b[0-9a-f]{40,64}\b|\b1[0-9]{9}\b", "HASH", text)
    lines = [line.strip('", ') for line in text.replace("\\n", "\n").splitlines()]
    return Counter(line for line in lines if not line.startswith("<display"))  # where a domain is for people to read


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Preflight:
    """The checks, with all options in use."""
    return Preflight(tmp_path_factory.mktemp("everything"), EVERYTHING)


def differences(plain: dict[str, str], hostile: dict[str, str], marks: dict[str, Marked]) -> Iterator[str]:
    """Tell where a hostile value makes another difference than that it is there."""
    for place in sorted(plain.keys() ^ hostile.keys()):
        yield f"{place}: only one of both has it"
    for place in plain.keys() & hostile.keys():
        own = {mark: marks[mark] for mark in MARK.findall(plain[place])}
        spelled = {mark: each.spelled(place) for mark, each in own.items()}
        wanted = MARK.sub(lambda found, spelled=spelled: spelled[found[0]], plain[place])
        right, there = comparable(wanted), comparable(hostile[place])
        if lines := [*(right - there), *(there - right)]:
            yield f"{place}, {[mark.place for mark in own.values()]}: {lines}"


# What is made of the site's settings, and what is given to a role instead.
@pytest.mark.parametrize("prefix", ["site_", "(?!site_)"])
def test_what_is_taken_is_there_as_it_was_given(
    prefix: str, everything: Preflight, found: Found, settings: dict[str, Any]
) -> None:
    marks = marked(everything, found, settings)
    assert [mark.place for mark in marks if not mark.hostile] == []
    here.update(marks=marks, settings=settings, rendering=Rendering(everything))
    for is_hostile in (False, True):
        assert everything.refusal(combined(settings, marks, prefix, is_hostile)) == ""
    hosts = list(everything.roles)
    texts = at_once(render, [(prefix, is_hostile, host) for host in hosts for is_hostile in (False, True)])
    by_mark = {mark.mark: mark for mark in marks}
    assert [words for pair in zip(texts[::2], texts[1::2], strict=True) for words in differences(*pair, by_mark)] == []
    seen = {by_mark[mark].place for each in texts for text in each.values() for mark in MARK.findall(text)}
    nowhere = {mark.place for mark in marks if re.match(prefix, mark.name)} - seen
    assert [place for place in nowhere if not re.search(r"secret|salt|password|surname|sssd_users", place)] == []
