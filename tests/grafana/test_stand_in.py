"""The stand-in itself has the rules that were seen on real servers: what the program avoids would really happen."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.grafana.loopback import TOKEN, Grafana


@pytest.fixture
def ask(grafana):
    """Give a function that asks: (status, JSON)."""

    def ask(method, path, body=None, token=TOKEN):
        raw = HTTPConnection(urlsplit(grafana.url).hostname, grafana.port)
        headers = {"Authorization": f"Bearer {token}"}
        raw.request(method, f"/api{path}", json.dumps(body) if body is not None else None, headers)
        answer = raw.getresponse()
        reply = answer.status, json.loads(answer.read())
        raw.close()
        return reply

    return ask


def annotation(*tags, **more):
    return {"text": "x", "time": 10**12, "timeEnd": 10**12, "tags": list(tags)} | more


def test_an_editor_is_refused_what_is_not_there_until_it_makes_a_folder(ask):
    assert ask("GET", "/dashboards/uid/a")[0] == ask("GET", "/folders/mttx")[0] == 403
    assert ask("POST", "/folders", {"uid": "mttx", "title": "T"})[0] == 200
    assert (ask("GET", "/dashboards/uid/a")[0], ask("GET", "/folders/mttx")[0]) == (404, 200)


def test_the_list_of_versions_hides_what_the_first_was_saved_with(ask, grafana):
    grafana.folders["f"] = "F"
    grafana.save_dashboard({"uid": "a"}, "f", "why")
    listed = ask("GET", "/dashboards/uid/a/versions")[1]
    versions = listed if isinstance(listed, list) else listed["versions"]
    assert versions[0]["message"] == "Initial save"
    assert ask("GET", "/dashboards/uid/a/versions/1")[1]["message"] == "why"
    assert ask("GET", "/dashboards/uid/a/versions/2")[0] == 500


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_update_makes_no_tag_before_10_1_on_sqlite(ask, grafana, method):
    ask("POST", "/annotations", annotation("a"))
    status = ask(method, "/annotations/1", annotation("a", "new:1"))[0]
    assert status == (500 if grafana.release < (10, 1) else 200)
    ask("POST", "/annotations", annotation("new:1"))
    assert ask(method, "/annotations/1", annotation("a", "new:1"))[0] == 200


def test_a_deleted_token_is_a_failure_of_grafana_9(ask, grafana):
    grafana.delete_token(TOKEN)
    old = grafana.release < (10, 0)
    assert ask("GET", "/org")[0] == (500 if old else 401)
    status, reply = ask("GET", "/org", token="nonsense")
    assert (status, reply["message"].lower()) == (401, "invalid api key")


def test_what_is_left_out_is_lost_or_kept(ask):
    ask("POST", "/annotations", annotation("a", timeEnd=2 * 10**12))
    ask("PUT", "/annotations/1", {"text": "y", "time": 10**12})
    row = ask("GET", "/annotations/1")[1]
    assert (row["tags"], row["timeEnd"]) == (None, 2 * 10**12)
    assert ask("GET", "/annotations?tags=none")[1] is None


def test_tags_have_a_length(ask):
    status, reply = ask("POST", "/annotations", annotation(*(f"tag{n}:{'x' * 40}" for n in range(12))))
    assert (status, reply["message"]) == (400, "Tags length exceeds the maximum allowed.")


@pytest.mark.parametrize(("database", "status"), [("sqlite", 200), ("postgresql", 500)])
def test_a_long_part_of_a_tag_is_refused_by_postgresql_alone(database, status):
    with Grafana(version="9.4.0", database=database) as grafana:
        raw = HTTPConnection("127.0.0.1", grafana.port)
        body = json.dumps(annotation("x" * 101))
        raw.request("POST", "/api/annotations", body, {"Authorization": f"Bearer {TOKEN}"})
        assert raw.getresponse().status == status
        raw.close()


def test_a_viewer_may_annotate_no_organisation(ask, grafana):
    grafana.tokens = {TOKEN: "Viewer"}
    assert ask("POST", "/annotations", annotation("a")) == (403, {"message": "Access denied to this dashboard"})
