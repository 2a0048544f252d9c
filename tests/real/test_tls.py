"""TLS and users by `--web.config.file`: a real Prometheus scrapes, commands talk, and a renewed certificate is used."""

import os
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import bcrypt
import pytest
import requests
import yaml

from tests.real.processes import until
from tests.real.servers import Exporter, Prometheus

pytestmark = pytest.mark.real
USER, PASSWORD = "prometheus", "correct-horse"


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, openssl):
        self.folder = folder
        self._openssl = openssl
        self.certificate = folder / "ca.pem"
        self._run("req", "-x509", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests", *self.NEW)

    NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")

    def issue(self, name):
        """Write NAME.pem and NAME.key, and both as NAME-both.pem."""
        self._run("req", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", *self.NEW)
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        self._run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *sign)
        both = (self.folder / f"{name}.pem").read_text() + (self.folder / f"{name}.key").read_text()
        (self.folder / f"{name}-both.pem").write_text(both)

    def _run(self, *arguments):
        subprocess.run([self._openssl, *arguments], cwd=self.folder, check=True, capture_output=True)


class TlsExporter(Exporter):
    """`mttx serve --web.config.file`, asked over TLS."""

    def __init__(self, home, authority, config):
        super().__init__(home)
        self.authority = authority
        self.web_config = authority.folder / "web.yml"
        self.web_config.write_text(yaml.safe_dump(config))

    def command(self):
        return [*super().command(), "--web.config.file", str(self.web_config)]

    @property
    def url(self):
        return f"https://{self.address}"

    def ask(self, path, user=None, cert=None, method="GET", **more):
        with requests.Session() as session:
            session.trust_env = False
            session.auth = user
            session.verify = str(self.authority.certificate)
            session.cert = cert and str(self.authority.folder / cert)
            return session.request(method, self.url + path, timeout=30, **more)

    def wait_until_ready(self, within=90):
        until(lambda: "ready on https://" in self.log.read_text(), "the exporter to be ready", within)

    def certificate(self):
        """Return the certificate that it shows, as PEM."""
        parts = urlsplit(self.url)
        return ssl.get_server_certificate((parts.hostname, parts.port))


@pytest.fixture
def authority(tmp_path, require):
    folder = tmp_path / "tls"
    folder.mkdir()
    authority = Authority(folder, require("openssl"))
    for name in ("server", "client"):
        authority.issue(name)
    return authority


SERVER = {"cert_file": "server.pem", "key_file": "server.key"}
MUTUAL = SERVER | {
    "client_auth_type": "RequireAndVerifyClientCert",
    "client_ca_file": "ca.pem",
    "min_version": "TLS13",
}


def users():
    return {USER: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}


@pytest.mark.usefixtures("prometheus_needed")
def test_prometheus_scrapes_it_over_tls_as_a_user_and_pages_need_one_too(start, authority, tmp_path):
    config = {"tls_server_config": SERVER, "basic_auth_users": users()}
    exporter = start(TlsExporter(tmp_path / "mttx", authority, config))
    scrape = {
        "job_name": "mttx",
        "scheme": "https",
        "tls_config": {"ca_file": str(authority.certificate)},
        "static_configs": [{"targets": [exporter.address]}],
    }
    trusted = scrape | {"basic_auth": {"username": USER, "password": PASSWORD}}
    stranger = scrape | {"job_name": "stranger", "basic_auth": {"username": USER, "password": "wrong"}}
    prometheus = start(Prometheus(tmp_path / "prometheus", {"scrape_configs": [trusted, stranger]}))
    until(lambda: prometheus.value('up{job="mttx"}') == 1, "a scrape over TLS")
    until(lambda: prometheus.value('up{job="stranger"}') == 0, "a refused scrape")
    assert exporter.ask("/").status_code == 401
    assert exporter.ask("/", user=(USER, PASSWORD)).status_code == 200
    assert exporter.ask("/-/ready").status_code == 401


def test_only_clients_with_a_certificate_connect_and_commands_can_have_one(start, authority, tmp_path):
    exporter = start(TlsExporter(tmp_path / "mttx", authority, {"tls_server_config": MUTUAL}))
    with pytest.raises(requests.ConnectionError):
        exporter.ask("/metrics")
    assert exporter.ask("/metrics", cert="client-both.pem").status_code == 200

    def mttx(*options):
        return subprocess.run(
            [Path(sys.executable).with_name("mttx"), *options, "incident", "list"],
            env={**os.environ, "MTTX_URL": exporter.url},
            capture_output=True,
            text=True,
            check=False,
        )

    ca, cert = ("--ca", authority.certificate), ("--cert", authority.folder / "client-both.pem")
    assert mttx(*ca, *cert).returncode == 0
    assert "TLS" in mttx(*cert).stderr
    assert mttx(*ca).returncode == 1


def test_a_renewed_certificate_is_used_and_what_was_recorded_stays(start, authority, tmp_path):
    exporter = start(TlsExporter(tmp_path / "mttx", authority, {"tls_server_config": SERVER}))
    before = exporter.certificate()
    opened = exporter.ask("/api/v1/incidents", method="POST", json={"title": "Before", "severity": "SEV-2"})
    assert opened.status_code == 201
    (authority.folder / "server.key").write_text("half of a key")
    until(lambda: "is not used" in exporter.log.read_text(), "a line about the broken key", within=30)
    assert exporter.certificate() == before
    authority.issue("server")
    until(lambda: exporter.certificate() != before, "the new certificate", within=60)
    exporter.wait_until_ready()
    assert [incident["title"] for incident in exporter.ask("/api/v1/incidents").json()["incidents"]] == ["Before"]
    assert exporter.terminate() == 0
