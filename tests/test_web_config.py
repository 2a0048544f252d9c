"""The file of `--web.config.file`: what is read, and that what cannot be used stops the start with its key."""

import subprocess

import bcrypt
import pytest
import yaml

from service.cli.web_config import wait_until_valid
from service.settings.errors import SettingsError
from service.settings.web_config import load_web_config

HASHED = bcrypt.hashpw(b"correct-horse", bcrypt.gensalt(4)).decode()
SERVER = {"cert_file": "server.pem", "key_file": "server.key"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, require):
    """Give a folder with a certificate and its key, and another key."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "other"):
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}")
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        command = [require("openssl"), "req", "-x509", *new, *files]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def load(folder):
    def load(content):
        path = folder / "web.yml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return load_web_config(path)

    return load


def test_files_are_relative_to_it_and_an_empty_one_changes_nothing(load, folder):
    config = load({"tls_server_config": SERVER, "basic_auth_users": {"prometheus": HASHED}})
    assert list(config.tls_server_config.files) == [folder / "server.pem", folder / "server.key"]
    assert load("").tls_server_config is None
    assert load_web_config(None) == load({"http_server_config": {"http2": True}}).model_copy(
        update={"http_server_config": load_web_config(None).http_server_config}
    )


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"tls_server_config": {"cert_file": "server.pem"}}, "tls_server_config.key_file"),
        ({"tls_server_config": SERVER | {"key_file": "other.key"}}, "tls_server_config.cert_file"),
        ({"tls_server_config": SERVER | {"cert_file": "missing.pem"}}, "tls_server_config.cert_file"),
        ({"tls_server_config": SERVER | {"min_version": "TLS10"}}, "tls_server_config.min_version"),
        ({"tls_server_config": SERVER | {"cipher_suites": ["x"]}}, "tls_server_config.cipher_suites"),
        (
            {"tls_server_config": SERVER | {"client_auth_type": "RequestClientCert"}},
            "tls_server_config.client_auth_type",
        ),
        ({"tls_server_config": SERVER | {"client_ca_file": "server.pem"}}, "tls_server_config.client_ca_file"),
        (
            {"tls_server_config": SERVER | {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "no"}},
            "tls_server_config.client_ca_file",
        ),
        ({"basic_auth_users": {"prometheus": "correct-horse"}}, "basic_auth_users.prometheus"),
        ({"rate_limit": {}}, "rate_limit"),
        ("[1]", "web.yml"),
        ("a: b: c", "web.yml"),
    ],
)
def test_it_refuses_what_the_server_cannot_do_and_names_the_key(load, content, key):
    with pytest.raises(SettingsError) as error:
        load(content)
    (problem,) = error.value.problems
    assert problem.key.endswith(key)
    assert "correct-horse" not in str(problem)


def test_a_restart_waits_while_the_file_is_half_written(folder, monkeypatch, caplog):
    path, broken = folder / "renewed.yml", "tls_server_config: {cert_file: server.pem"
    path.write_text(broken)

    def write_the_rest(_):
        path.write_text(f"{broken}, key_file: server.key}}")

    monkeypatch.setattr("service.cli.web_config.time.sleep", write_the_rest)
    assert wait_until_valid(path).tls_server_config.key_file == folder / "server.key"
    assert "is not used" in caplog.text
