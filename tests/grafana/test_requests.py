"""What we send to Grafana, byte for byte, and what its answers mean, on every version from 9 to 13."""

import socket
import ssl
import subprocess

import pytest

from service.clients.errors import Reason, RequestFailed
from service.clients.grafana import Annotations, Connection, GrafanaAnnotation
from service.clients.grafana.access import Rights
from service.clients.grafana.dashboards import Dashboards
from service.render.annotations import Annotation
from tests.builders import at
from tests.grafana.loopback import TOKEN, Grafana

VERSIONS = ["9.4.7", "10.4.1", "11.2.0", "12.3.0", "13.1.0"]
KEY = "0123456789abcdef"
DRAWN = Annotation(at(0), at(42), "<b>INC-1</b> 注文", ("mttx", "incident:INC-1", f"mttx-item:{KEY}"), KEY)


@pytest.fixture(params=VERSIONS)
def versioned(request):
    with Grafana(version=request.param) as running:
        yield running


@pytest.fixture
def annotations(versioned, connect):
    return Annotations(connect(versioned.url))


# --- requests -------------------------------------------------------------------------------------------------------

CONTENT = (
    b'"time": 1772442000000, "timeEnd": 1772444520000, '
    b'"tags": ["mttx", "incident:INC-1", "mttx-item:0123456789abcdef"], "text": "<b>INC-1</b> \\u6ce8\\u6587"'
)


def test_it_creates_an_annotation_of_the_organisation(versioned, annotations):
    assert annotations.add(DRAWN) == 1
    (asked,) = versioned.asked
    assert (asked.method, asked.path) == ("POST", "/api/annotations")
    assert asked.body == b'{"panelId": null, ' + CONTENT + b"}"
    assert asked.headers["content-type"].startswith("application/json")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


def test_it_creates_an_annotation_on_a_dashboard(versioned, annotations):
    versioned.save_dashboard({"uid": "abc"}, "", "")
    annotations.add(DRAWN, "abc")
    assert versioned.asked[0].body == b'{"panelId": null, ' + CONTENT + b', "dashboardUID": "abc"}'


@pytest.mark.parametrize("method", ["patch", "put"])
def test_it_sends_everything_when_it_changes_an_annotation(versioned, annotations, method):
    made = annotations.add(DRAWN)
    getattr(annotations, method)(made, DRAWN)
    assert (versioned.asked[1].method, versioned.asked[1].path) == (method.upper(), "/api/annotations/1")
    assert versioned.asked[1].body == b"{" + CONTENT + b"}"


def test_it_looks_for_an_annotation_by_its_key_alone(versioned, annotations):
    made = annotations.add(DRAWN)
    stored = GrafanaAnnotation(made, 1772442000000, 1772444520000, DRAWN.text, frozenset(DRAWN.tags))
    assert annotations.find(KEY) == [stored]
    assert stored.shows(DRAWN)
    assert versioned.asked[1].path == "/api/annotations?type=annotation&tags=mttx-item%3A0123456789abcdef&limit=100"
    assert annotations.find("another") == []


def test_it_reads_an_annotation(annotations):
    assert annotations.get(annotations.add(DRAWN)).key == KEY
    assert annotations.get(99) is None


def test_it_asks_whether_a_dashboard_is_there(versioned, annotations):
    versioned.save_dashboard({"uid": "abc"}, "", "")
    assert (annotations.has_dashboard("abc"), annotations.has_dashboard("no/ne")) == (True, False)
    assert [asked.path for asked in versioned.asked] == ["/api/dashboards/uid/abc", "/api/dashboards/uid/no%2Fne"]


def test_it_saves_a_folder_and_a_dashboard(versioned, connect):
    dashboards = Dashboards(connect(versioned.url))
    dashboards.make_folder("mttx", "Incident response")
    assert dashboards.folder("mttx") == "Incident response"
    dashboards.save({"uid": "abc", "title": "T", "id": None}, "mttx", "why", overwrite=False)
    folder, dashboard = versioned.requests("POST")
    assert (folder.path, folder.body) == ("/api/folders", b'{"title": "Incident response", "uid": "mttx"}')
    assert dashboard.path == "/api/dashboards/db"
    assert dashboard.body == (
        b'{"dashboard": {"uid": "abc", "title": "T", "id": null}, "folderUid": "mttx", '
        b'"message": "why", "overwrite": false}'
    )
    model = dashboards.dashboard("abc")
    assert (model.version, model.folder_uid, model.message, model.from_file) == (1, "mttx", "why", False)
    assert model.updated_by == "sa-mttx-exporter"
    assert dashboards.dashboard("none") is None


def test_it_takes_what_it_may_not_see_for_not_there(versioned, connect):
    """An Editor on an empty server may read no dashboard and no folder, and is told so instead of 404."""
    dashboards = Dashboards(connect(versioned.url))
    assert (dashboards.folder("mttx"), dashboards.dashboard("abc")) == (None, None)
    assert {asked.status for asked in versioned.asked} == {403}


def test_it_names_the_organisation_that_is_configured_and_asks_once_whether_it_is_there(grafana, connect):
    annotations = Annotations(connect(grafana.url, org_id=1))
    annotations.find(KEY)
    annotations.find(KEY)
    assert [asked.headers["x-grafana-org-id"] for asked in grafana.asked] == ["1"] * 3
    assert [asked.path for asked in grafana.asked][:1] == ["/api/org"]


def test_it_writes_nothing_into_an_organisation_that_is_not_the_configured_one(grafana, connect):
    """Grafana 9 takes a token of another organisation without a word, later ones refuse it."""
    with pytest.raises(RequestFailed, match=r"organisation.*3 .*grafana\.org_id|grafana\.org_id.* 3") as caught:
        Annotations(connect(grafana.url, org_id=3)).add(DRAWN)
    assert (caught.value.permanent, caught.value.everything) == (True, True)
    assert grafana.annotations.rows == {}


@pytest.mark.parametrize("suffix", ["", "/"])
def test_it_finds_grafana_below_a_path(connect, suffix):
    with Grafana(prefix="/tools/grafana") as grafana:
        assert Rights(connect(grafana.url + suffix)).version() == "11.2.0"
        assert Annotations(connect(grafana.url + suffix)).add(DRAWN) == 1


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory, require):
    """Give a certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        require("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=grafana",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secured(grafana, certificate):
    """Give the address of the Grafana behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    grafana._server.socket = context.wrap_socket(grafana._server.socket, server_side=True)
    return grafana.url.replace("http:", "https:")


def test_it_trusts_the_authority_that_is_named(secured, certificate, connect):
    assert Rights(connect(secured, verify=str(certificate[0]))).version()


def test_it_does_not_trust_a_certificate_that_nobody_vouches_for(secured, connect):
    with pytest.raises(RequestFailed, match=r"cannot reach .*ertificate") as caught:
        Rights(connect(secured)).version()
    assert (caught.value.reason, caught.value.permanent) == (Reason.UNREACHABLE, False)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_it_checks_nothing_where_it_is_told_so(secured, connect):
    assert Rights(connect(secured, verify=False)).version()


# --- what goes wrong ------------------------------------------------------------------------------------------------

GRAFANAS = '{"message": "Grafana says why"}'
PROXYS = "<html>Bad gateway</html>"


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((400, {}, GRAFANAS), (Reason.REJECTED, True, False)),
        ((412, {}, GRAFANAS), (Reason.REJECTED, True, False)),
        ((400, {}, PROXYS), (Reason.UNEXPECTED, False, True)),
        ((401, {}, GRAFANAS), (Reason.UNAUTHORIZED, True, True)),
        ((403, {}, GRAFANAS), (Reason.FORBIDDEN, True, True)),
        ((404, {}, PROXYS), (Reason.UNEXPECTED, False, True)),
        ((408, {}, ""), (Reason.TIMEOUT, False, True)),
        ((429, {}, ""), (Reason.THROTTLED, False, True)),
        ((500, {}, GRAFANAS), (Reason.SERVER_ERROR, False, False)),
        ((500, {}, '{"message": "invalid API key"}'), (Reason.UNAUTHORIZED, True, True)),
        ((502, {}, PROXYS), (Reason.UNAVAILABLE, False, True)),
        ((503, {}, PROXYS), (Reason.UNAVAILABLE, False, True)),
        ((301, {"Location": "/login"}, ""), (Reason.UNEXPECTED, False, True)),
        ((200, {}, PROXYS), (Reason.UNEXPECTED, False, True)),
        ((200, {}, '{"message": "ok"}'), (Reason.UNEXPECTED, False, True)),
        ((200, {}, "[]"), (Reason.UNEXPECTED, False, True)),
        ((200, {}, "what?"), (Reason.UNEXPECTED, False, True)),
        ("drop", (Reason.UNREACHABLE, False, True)),
        (1.2, (Reason.TIMEOUT, False, True)),
    ],
)
def test_it_says_whether_trying_again_can_help(grafana, connect, answer, meaning):
    grafana.fail_while(answer)
    with pytest.raises(RequestFailed) as caught:
        Annotations(connect(grafana.url)).add(DRAWN)
    assert (caught.value.reason, caught.value.permanent, caught.value.everything) == meaning
    assert TOKEN not in str(caught.value)
    assert len(grafana.asked) == 1


def test_it_says_where_nobody_listens(connect):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RequestFailed, match=r"cannot reach .*refused"):
            Rights(connect(url)).version()


def test_it_says_when_it_is_not_grafana_that_answers(grafana, connect):
    grafana.fail_while((200, {}, '{"hello": "world"}'))
    connection = connect(grafana.url)
    for ask in (
        Rights(connection).version,
        Rights(connection).organisation,
        lambda: Annotations(connection).find(KEY),
        lambda: Annotations(connection).get(1),
        lambda: Dashboards(connection).dashboard("abc"),
    ):
        with pytest.raises(RequestFailed, match="not Grafana's API"):
            ask()


def test_it_uses_an_address_of_the_sixth_version_of_ip():
    connection = Connection("https://[::1]:3000/g", lambda: None)
    assert connection._client().client.url == "https://[::1]:3000/g/api"
    connection.close()
