"""`/mttx` in Slack: what it does, and what only the person sees."""

import pytest

from tests.delivery.serving import eventually
from tests.messages.people import failures, kinds, open_incident
from tests.messages.sockets import Person


def test_help_says_what_there_is(press_site):
    client, person = press_site
    aiko = person()
    assert aiko.command("") == aiko.command("help")
    assert all(verb in aiko.saw[0] for verb in ("list", "status", "ack", "note", "open", "postmortem", "SEV-3"))
    assert failures(client, "invalid_payload") == 0


@pytest.mark.parametrize(
    "text", ["explode", "ack", "ack 7", "ack INC-1 and", "note INC-1", "note INC-1  ", "status", "open", "open SEV-2 "]
)
def test_what_is_not_understood_gets_the_help_and_is_counted(press_site, text):
    client, person = press_site
    aiko = person()
    assert aiko.command(text) == aiko.command("help")
    assert failures(client, "invalid_payload") == 1


def test_it_opens_an_incident_once(press_site, slack):
    client, person = press_site
    aiko = person()
    assert "INC-1" in aiko.command("open sev-1 Checkout &lt;fails&gt; &amp; burns")
    assert "SEV-3" in aiko.command("open Search is slow")
    shown = client.get("/api/v1/incidents").get_json()["incidents"]
    assert [(i["title"], i["severity"]) for i in shown] == [
        ("Search is slow", "SEV-3"),
        ("Checkout <fails> & burns", "SEV-1"),
    ]
    eventually(lambda: len(slack.messages) == 2)
    again = Person(slack, client=aiko.client)
    assert again.command("open sev-1 Checkout fails and burns") == aiko.saw[0]
    assert len(client.get("/api/v1/incidents").get_json()["incidents"]) == 2


def test_it_lists_what_is_open(press_site):
    client, person = press_site
    aiko = person()
    nothing = aiko.command("list")
    incident = client.post("/api/v1/incidents", json={"title": "Checkout <fails>", "severity": "SEV-2"}).json["id"]
    assert nothing != aiko.command("list")
    assert all(part in aiko.saw[-1] for part in (incident, "SEV-2", "Checkout &lt;fails&gt;"))
    client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "resolved"})
    assert aiko.command("list") == nothing
    for n in range(31):
        client.post("/api/v1/incidents", json={"title": f"number {n}"})
    assert len(aiko.command("list").splitlines()) == 31


def test_it_acknowledges_one_or_several_and_says_which_it_did_not(press_site, slack):
    client, person = press_site
    first, ts = open_incident(client, slack)
    second, _ = open_incident(client, slack, "Another")
    aiko = person()
    assert first in aiko.command(f"ack {first.lower()}")
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    answer = aiko.command(f"ack {first} {second} INC-99")
    assert all(incident in answer for incident in (first, second, "INC-99"))
    assert kinds(client, first) == kinds(client, second) == ["detected", "acknowledged"]
    assert failures(client, "conflict") == 1


def test_it_notes_and_shows_how_things_stand(press_site, slack):
    client, person = press_site
    incident, _ = open_incident(client, slack)
    aiko = person()
    aiko.command(f"note {incident} rolled back &amp; watching")
    eventually(lambda: any("rolled back &amp; watching" in m["text"] for m in slack.messages.values()))
    assert "[SEV-2] Incident detected — Checkout fails" in aiko.command(f"status {incident}")
    assert incident in aiko.command(f"postmortem {incident}")
    document = {"kind": "postmortem_drafted", "data": {"document": "https://docs.example.com/1"}}
    client.post(f"/api/v1/incidents/{incident}/events", json=document)
    before, after = aiko.saw[-1], aiko.command(f"postmortem {incident}")
    assert before != after
    assert "https://docs.example.com/1" in after
    client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "dismissed"})
    assert "Draft" not in aiko.command(f"postmortem {incident}")


def test_an_incident_that_is_gone(press_site):
    client, person = press_site
    for verb in ("status", "postmortem"):
        assert "INC-5" in person().command(f"{verb} INC-5")
    assert failures(client, "unknown_incident") == 2


def test_another_workspace(serve, slack):
    client, _ = serve({"app_token": "xapp-1-0000-token", "team_id": "T0123456789"})
    slack.sockets.acknowledged_within = 0.5
    assert Person(slack, team="T999999999").command("list") == "⚠"
    assert failures(client, "forbidden") == 1


def test_a_slow_command_is_answered_later(press_site, monkeypatch):
    monkeypatch.setattr("service.chat.responder.ANSWER_SECONDS", 0.0)
    _, person = press_site
    aiko = person()
    aiko.saw.append("")
    aiko.command("help")
    eventually(lambda: "/mttx list" in aiko.saw[-1])
