"""What the DNS is asked, and what its answers mean."""

from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from digestmail.errors import LookupFailed
from digestmail.mail.dkim import DkimKey
from digestmail.newsletter.domains import check_domains
from digestmail.protocols import Check, Lookup, State

KEY = DkimKey("example.org", "ed1", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
GOOD = {
    "org NS": ("a.org.",),
    "example.org TXT": ("hello", "v=spf1 include:relay.example.net mx -all"),
    "relay.example.net TXT": ("v=spf1 ip4:192.0.2.1 -all",),
    "ed1._domainkey.example.org TXT": (KEY.record,),
    "_dmarc.example.org TXT": ("v=DMARC1; p=none",),
    "example.org MX": ("10 mx.example.org.",),
}


def world(records: Mapping[str, tuple[str, ...]]) -> Lookup:
    """A DNS with these records; asking for a None fails."""

    def look_up(name: str, kind: str) -> tuple[str, ...]:
        answer = records.get(f"{name} {kind}", ())
        if answer == ("fails",):
            raise LookupFailed(f"{name} {kind}: timed out")
        return answer

    return look_up


def checks(records: Mapping[str, tuple[str, ...]], sender: str = "example.org", bounces: str = "") -> list[Check]:
    return list(check_domains(world(records), sender, bounces or sender, [KEY]))


def state(name: str, **changes: tuple[str, ...]) -> State:
    """What becomes of one check when the good world is changed; ``__`` stands for the blank."""
    records = {**GOOD, **{key.replace("__", " "): value for key, value in changes.items()}}
    return next(check.state for check in checks(records) if check.name == name)


def test_a_domain_with_everything_in_place_is_good() -> None:
    found = checks(GOOD)
    assert [(check.name, check.state) for check in found] == [
        ("spf", State.OK),
        ("dkim record", State.OK),
        ("dmarc", State.OK),
        ("mx", State.OK),
    ]
    assert "(2 look-ups" in found[0].found


@pytest.mark.parametrize("answer", [(), ("fails",)])
def test_a_name_server_that_knows_no_world_outside_proves_nothing(answer: tuple[str, ...]) -> None:
    [found] = checks({**GOOD, "org NS": answer})
    assert (found.name, found.state) == ("dns", State.NOT_CHECKED)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("spf", "example.org TXT"),
        ("spf", "relay.example.net TXT"),
        ("dkim record ed1._domainkey.example.org", "ed1._domainkey.example.org TXT"),
        ("dmarc", "_dmarc.example.org TXT"),
        ("mx", "example.org MX"),
    ],
)
def test_a_question_without_an_answer_is_not_checked_and_the_others_are(name: str, question: str) -> None:
    found = checks({**GOOD, question: ("fails",)})
    assert [check.name for check in found if check.state is State.NOT_CHECKED] == [name]
    assert [check.state for check in found if check.name != name] == [State.OK] * 3


def test_no_spf_is_a_warning_and_two_are_a_fault() -> None:
    assert state("spf", example__x=()) is State.OK
    records = {**GOOD, "example.org TXT": ("v=spf10 is something else",)}
    assert checks(records)[0].state is State.WARNING
    records["example.org TXT"] = ("v=spf1 -all", "v=spf1 mx -all")
    assert checks(records)[0].state is State.FAILED


def test_spf_that_asks_too_much_is_a_fault() -> None:
    deep = {f"n{number}.example.org TXT": (f"v=spf1 include:n{number + 1}.example.org -all",) for number in range(20)}
    found = checks({**GOOD, **deep, "example.org TXT": ("v=spf1 redirect=n0.example.org",)})[0]
    assert found.state is State.FAILED
    assert "look-ups" in found.found
    wide = " ".join(f"include:w{number}.example.org" for number in range(11))
    assert checks({**GOOD, "example.org TXT": (f"v=spf1 {wide} -all",)})[0].state is State.FAILED


def test_spf_that_includes_itself_comes_to_an_end() -> None:
    records = {**GOOD, "example.org TXT": ("v=spf1 include:loop.example.org -all",)}
    records["loop.example.org TXT"] = ("v=spf1 include:loop.example.org include:example.org -all",)
    assert checks(records)[0].state is State.OK


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 all", 0),
        ("v=spf1 a mx ptr exists:%{i}.example.org include:%{d}.example.org -all", 5),
        ("v=spf1 +a/24 ~mx:mail.example.org ?a:b.example.org exp=why.example.org", 3),
        ("v=spf1 include:Relay.Example.NET. redirect=relay.example.net", 2),
    ],
)
def test_look_ups_are_counted_as_receivers_count_them(record: str, asked: int) -> None:
    found = checks({**GOOD, "example.org TXT": (record,)})[0]
    assert f"({asked} look-ups" in found.found


@pytest.mark.parametrize(
    "record", ["v=DKIM1; k=ed25519; p=", "v=DKIM1; k=rsa; p=abc", KEY.record.replace("ed25519", "rsa"), ""]
)
def test_a_record_that_is_not_our_key_is_a_fault_and_ours_is_shown(record: str) -> None:
    records = {**GOOD, "ed1._domainkey.example.org TXT": (record,) if record else ()}
    found = next(check for check in checks(records) if check.name == "dkim record")
    assert found.state is State.FAILED
    assert KEY.record in found.advice


def test_blanks_and_order_in_a_record_do_not_matter() -> None:
    public = KEY.record.rpartition("p=")[2]
    records = {**GOOD, "ed1._domainkey.example.org TXT": (f"k = ed25519 ;p= {public[:9]} {public[9:]};t=s",)}
    assert [check.state for check in checks(records)] == [State.OK] * 4


def test_the_policy_may_stand_at_the_domain_above() -> None:
    records = {**GOOD, "news.example.org TXT": ("v=spf1 -all",), "news.example.org MX": ("0 mx.example.org.",)}
    found = checks(records, "news.example.org")
    assert [check.state for check in found if check.name == "dmarc"] == [State.OK]
    del records["_dmarc.example.org TXT"]
    assert [check.state for check in checks(records, "news.example.org") if check.name == "dmarc"] == [State.WARNING]


def test_bounces_must_have_somewhere_to_go() -> None:
    records = {**GOOD, "bounces.example.org TXT": ("v=spf1 -all",)}
    assert checks(records, bounces="bounces.example.org")[-1].state is State.FAILED
    records["bounces.example.org A"] = ("192.0.2.1",)
    assert checks(records, bounces="bounces.example.org")[-1].state is State.WARNING
    records["bounces.example.org MX"] = ("0 .",)  # null MX (RFC 7505)
    assert checks(records, bounces="bounces.example.org")[-1].state is State.FAILED


def test_bounces_elsewhere_leave_dmarc_to_dkim() -> None:
    records = {**GOOD, "example.net TXT": ("v=spf1 -all",), "example.net MX": ("0 mx.example.net.",)}
    found = checks(records, bounces="example.net")
    assert [(check.name, check.state) for check in found[:2]] == [("spf", State.OK), ("spf", State.WARNING)]
