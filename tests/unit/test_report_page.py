"""The report as a page: all of it is there, it stands alone, and what is broken is seen."""

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import collect
import pytest
import report_map
import report_page

VOID = {"meta", "circle", "path", "rect", "use", "input", "br"}
NOW = datetime(2026, 11, 27, 17, 30, tzinfo=UTC)
PRIMARY, SECONDARY, CLIENT, WORLD = (
    ["192.0.2.135", "2001:db8::135"],
    ["192.0.2.137"],
    ["192.0.2.136"],
    ["198.51.100.10"],
)


def result(service: str = "dns", probe: str = "A st.um", origin: str = "client", **rest: Any) -> dict[str, Any]:
    return {"service": service, "probe": probe, "from": origin, "ok": True, "ms": 3.14, "detail": "1 RRset", **rest}


def to(*addresses: str, port: int = 53) -> list[Any]:
    return [[address, port, "udp"] for address in addresses]


def host(name: str, groups: list[str], addresses: list[str], *found: dict[str, Any], **rest: Any) -> dict[str, Any]:
    run = {"results": [{"stdout": json.dumps(found), "delta": "0:00:01.5", "rc": 0}]}
    names = {"primary": ["ns1", "@"], "secondary": ["ns2"]}.get(name, [name])
    return {"name": name, "groups": groups, "names": names, "addresses": addresses, "run": run, **rest}


def seen(*found: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Return what the playbook hands over, with these results of the client."""
    return {
        "domain": "st.um",
        "networks": ["192.0.2.0/24"],
        "hosts": [
            host("primary", ["primary_servers", "site"], PRIMARY, result("ssh", "ssh: sshd -t", "primary")),
            host("secondary", ["secondary_servers", "site"], SECONDARY, **rest),
            host("client", ["clients", "site"], CLIENT, *found),
            host(
                "internet",
                ["outside"],
                WORLD,
                result(origin="internet", to=to(PRIMARY[0])),
                more_addresses=["198.51.100.11/24"],
            ),
        ],
    }


def results(*found: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    return collect.collect(seen(*found, **rest), NOW)


WELL = [
    result(
        probe="primary ipv4 udp: A st.um", to=to(PRIMARY[0]), transcript="> st.um A, RD\n< NOERROR\n  <b>st.um.</b> A"
    ),
    result(probe="secondary ipv4 udp: A st.um", to=to(SECONDARY[0])),
    result(probe="trace: www.st.um", to=to("198.51.100.11", PRIMARY[1])),
    result(probe="resolver: www"),
    result("mail", "25: greeting", to=to(PRIMARY[1], port=25)),
]
REFUSED = result(
    probe="secondary ipv4 udp: A st.um", to=to(SECONDARY[0], port=0), ok=False, detail="192.0.2.137: refused"
)


class Page(HTMLParser):
    """Notes what is loaded from elsewhere, the identifiers, the text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.opened: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "details" and ("open", None) in attrs:
            self.opened.append(dict(attrs).get("id") or "group")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


def rendered(*found: dict[str, Any], **rest: Any) -> Page:
    return Page(report_page.page(results(*found, **rest)))


def site(*found: dict[str, Any], **rest: Any) -> report_map.Site:
    return report_map.Site(results(*found, **rest))


def states(whole: report_map.Site) -> dict[str, dict[str, str]]:
    return {host.name: {name: tally.state for name, tally in host.services.items()} for host in whole.hosts}


# Collecting


def test_each_host_is_reached_or_not() -> None:
    first, check, *_ = results(*WELL)
    assert (first["service"], first["probe"], first["ok"]) == ("verify", "host reachable", True)
    assert first["detail"] == "1 probe, 0 failed, in 1.5 s"
    assert check["probe"] == "ssh: sshd -t"
    assert set(first) == {"service", "probe", "from", "ok", "ms", "detail", "facts"}
    [lost] = [each for each in results(run={"unreachable": True, "msg": "no route"}) if each["from"] == "secondary"]
    assert (lost["ok"], lost["probe"], lost["detail"]) == (False, "host reachable", "no route")
    [lost] = [each for each in results(run={}) if each["from"] == "secondary"]
    assert (lost["ok"], lost["detail"]) == (False, "left out after an earlier failure")
    item = {"results": [{"unreachable": True, "msg": "no route"}], "unreachable": True, "msg": "All items completed"}
    [lost] = [each for each in results(run=item) if each["from"] == "secondary"]
    assert (lost["ok"], lost["probe"], lost["detail"]) == (False, "host reachable", "no route")


@pytest.mark.parametrize(
    "run", [{"stdout": "", "stderr": "Traceback"}, {"msg": "Traceback"}, {"stdout": "what?", "stderr": "Traceback"}]
)
def test_a_program_that_prints_no_results_is_a_failure(run: dict[str, str]) -> None:
    _, failed = [each for each in results(run={"results": [run]}) if each["from"] == "secondary"]
    assert (failed["ok"], failed["probe"], failed["detail"]) == (False, "program runs", "Traceback")


@pytest.mark.parametrize(("found", "status"), [(WELL, 0), ([*WELL, REFUSED], 1)])
def test_both_files_are_written_and_the_status_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: list[Any], status: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(seen(*found))))
    assert collect.main(str(tmp_path / "new")) == status
    written = json.loads((tmp_path / "new" / "verify.json").read_text(encoding="utf-8"))
    assert len(written) == 6 + len(found)
    assert Page((tmp_path / "new" / "verify.html").read_text(encoding="utf-8")).open == []
    assert ("client: secondary ipv4 udp: A st.um: 192.0.2.137: refused" in capsys.readouterr().out) == bool(status)


# The page


def test_the_page_holds_every_result_and_stands_alone() -> None:
    text = report_page.page(results(*WELL, REFUSED))
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {f"p{number}" for number in range(1, 13)} <= set(page.ids)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert not re.search(r"https?:|//|@import|url\(", text.partition("<script>")[0])
    assert "<b>st.um" not in text
    assert "NOERROR" in page.text
    assert "1 of 12 probes failed" in page.text
    assert "Friday, 27 November 2026, 17:30 UTC" in page.text


def test_failures_come_first_and_are_open() -> None:
    page = rendered(*WELL, REFUSED)
    number = next(n for n, each in enumerate(results(*WELL, REFUSED), 1) if not each["ok"])
    assert page.opened == ["group"]  # there is no transcript to open
    assert page.ids.index(f"p{number}") < page.ids.index("p5")
    page = rendered(*WELL, REFUSED | {"transcript": "> x"}, REFUSED | {"transcript": "> y"})
    assert page.opened == ["group", f"p{number}"]  # one for each reason
    assert "and 1 more" in page.text
    assert rendered(*WELL).opened == []
    assert "All 11 probes passed" in rendered(*WELL).text


def test_without_results_nothing_is_well() -> None:
    page = Page(report_page.page([]))
    assert "No probe was run" in page.text
    assert page.open == []


def test_results_without_what_is_known_of_the_hosts_are_shown_without_a_map() -> None:
    text = report_page.page([result(), result(ok=False)])
    assert Page(text).open == []
    assert 'class="map' not in text


# The map


def test_a_probe_is_about_those_whom_it_has_talked_to() -> None:
    assert states(site(*WELL)) == {
        "primary": {"dns": "good", "ssh": "good", "mail": "good"},
        "secondary": {"dns": "good"},
        "client": {"dns": "good"},  # how it looks names up
        "internet": {"dns": "good"},  # by another address of its own
    }


def test_a_broken_service_is_broken_on_its_host_alone() -> None:
    both = to(PRIMARY[0], SECONDARY[0])
    broken = site(
        *(each for each in WELL if "secondary" not in each["probe"]),
        REFUSED,
        result(probe="SOA st.um", to=both, ok=False, detail="192.0.2.137 port 53 UDP: refused"),
    )
    assert states(broken)["secondary"] == {"dns": "bad"}
    assert states(broken)["primary"]["dns"] == "good"
    assert [(host.name, host.state) for host in broken.hosts][:2] == [("primary", "good"), ("secondary", "bad")]
    named = result(probe="ldap", to=both, ok=False, detail="ns2.st.um does not show it")
    assert {host.name for host in site().about(named)} == {"secondary"}
    assert {host.name for host in site().about(named | {"detail": "not ns22.st.um, 1192.0.2.137"})} == {
        "primary",
        "secondary",
    }
    assert {host.name for host in site().about(result(ok=False, detail="st.um"))} == {"client"}


def test_what_failed_in_part_is_neither_good_nor_bad() -> None:
    partly = site(*WELL, *WELL, REFUSED)
    assert states(partly)["secondary"] == {"dns": "some"}
    assert states(partly)["primary"]["dns"] == "good"


def test_a_host_that_was_not_reached_is_seen() -> None:
    lost = site(*WELL, run={"unreachable": True, "msg": "no route"})
    assert lost.by_name["secondary"].state == "bad"
    assert "not reached by the controller" in report_page.page(results(*WELL, run={"unreachable": True}))


def test_the_map_says_all_in_words_too() -> None:
    text = report_page.page(results(*WELL, REFUSED, REFUSED))
    assert 'aria-label="dns on secondary: 2 of 3 failed"' in text
    assert 'aria-label="dns on primary: 3 ok"' in text
    assert "client probed secondary: 2 of 3 failed" in text


@pytest.mark.parametrize("servers", [1, 2, 7])
@pytest.mark.parametrize("clients", [1, 4])
def test_no_box_lies_on_another_for_any_inventory(servers: int, clients: int) -> None:
    every = [
        *(host(f"s{n}", ["secondary_servers"], [f"192.0.2.{n}"]) for n in range(servers)),
        *(
            host(
                f"c{n}",
                ["clients"],
                [f"2001:db8:1111:2222:3333:4444:5555:{n}"],
                *(result(origin=f"c{n}", to=to(f"192.0.2.{s}")) for s in range(servers)),
            )
            for n in range(clients)
        ),
    ]
    whole = report_map.Site(collect.collect({"domain": "st.um", "networks": [], "hosts": every}, NOW))
    for drawn in report_map.maps(whole):
        boxes = [(each.x, each.y, each.x + each.width, each.y + each.height) for each in drawn.hosts]
        assert len(boxes) == servers + clients
        for number, (x1, y1, x2, y2) in enumerate(boxes):
            assert 0 <= x1 < x2 <= drawn.width
            assert 0 <= y1 < y2 <= drawn.height
            assert all(x2 <= a1 or a2 <= x1 or y2 <= b1 or b2 <= y1 for a1, b1, a2, b2 in boxes[:number])
        assert len(drawn.edges) == servers * clients
        labels = [edge.label for edge in drawn.edges]
        assert not drawn.is_wide or all(abs(y1 - y2) > 15 for n, (_, y1) in enumerate(labels) for _, y2 in labels[:n])
    client = next(each for each in report_map.maps(whole)[0].hosts if each.name == "c0")
    assert client.fit(client.addresses[0]) == client.width - 28


# Tables


def shown(days: float, number: str = "1", address: str = PRIMARY[0], port: int = 443) -> dict[str, Any]:
    until = (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {"subject": "CN=www.st.um,O=UMU", "issuer": "CN=issuing\\, 1,O=UMU", "names": ["www.st.um", "st.um"]}
    return {"kind": "certificate", "address": address, "port": port, "number": number, "until": until, **names}


def test_certificates_by_their_ends() -> None:
    facts = [
        shown(89.5),
        shown(12.5, "2", SECONDARY[0]),
        shown(-1, "3"),
        shown(89.5, port=993),
        shown(30, "4", "203.0.113.1"),
    ]
    found = results(result(facts=facts))
    certificates = report_page.certificates(found, report_map.Site(found), NOW)
    assert [(each.days, each.state, each.where) for each in certificates] == [
        (-1, "bad", {"primary": [443]}),
        (12, "some", {"secondary": [443]}),
        (30, "good", {"203.0.113.1": [443]}),
        (89, "good", {"primary": [443, 993]}),
    ]
    assert (certificates[0].subject, certificates[0].issuer, certificates[0].names) == (
        "www.st.um",
        "issuing\\, 1",
        ["st.um"],
    )
    text = rendered(result(facts=facts)).text
    assert "ended" in text
    assert "12 days" in text


def test_serials_that_differ_are_marked() -> None:
    def serial(zone: str, address: str, number: int) -> dict[str, Any]:
        return {"kind": "serial", "zone": zone, "address": address, "serial": number}

    both = to(PRIMARY[0], SECONDARY[0])
    found = results(
        result(
            probe="1",
            to=both,
            facts=[serial("a.", PRIMARY[0], 7), serial("a.", PRIMARY[1], 7), serial("a.", SECONDARY[0], 7)],
        ),
        result(
            probe="2",
            to=both,
            facts=[serial("b.", PRIMARY[0], 8), serial("b.", PRIMARY[1], 8), serial("b.", SECONDARY[0], 7)],
        ),
        result(
            probe="3",
            to=both,
            facts=[serial("c.", PRIMARY[0], 9), {"kind": "signatures", "zone": "c.", "address": "x", "days": 3.5}],
        ),
    )
    servers, zones = report_page.zones(found, report_map.Site(found))
    assert servers == ["primary", "secondary"]
    assert [(zone.name, zone.serials, zone.differs, zone.days) for zone in zones] == [
        ("a.", ["7", "7"], [False, False], None),
        ("b.", ["8", "7"], [False, True], None),
        ("c.", ["9", "no answer"], [False, True], 3.5),
    ]


def test_authorities_copies_and_the_slowest_are_told() -> None:
    until, soon = ((NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (4000, 6.5))
    page = rendered(
        result(facts=[{"kind": "authority", "subject": "CN=root-1", "until": until, "list_until": soon, "revoked": 2}]),
        result("ldap", facts=[{"kind": "copy", "source": "ns1.st.um", "copy": "ns2.st.um", "seconds": 0.046}]),
        result(probe="slow one", ms=3210.0),
    )
    for words in ("root-1", "10 years", "6 days", "ns2.st.um", "46 ms", "3210 ms"):
        assert words in page.text


def test_the_page_of_many_probes_is_small_and_soon_made() -> None:
    many = [
        result(probe=f"primary ipv4 udp: {n}", to=to(PRIMARY[0]), transcript="> asked\n< " + "x" * 1500)
        for n in range(700)
    ]
    began = datetime.now(UTC)
    text = report_page.page(results(*many))
    assert len(text.encode()) < 2_000_000
    assert datetime.now(UTC) - began < timedelta(seconds=10)
