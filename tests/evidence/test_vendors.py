"""Evidence of a log with the dummy secrets that vendors document: none is in the bundle, and it says what was found."""

import json
import zipfile

import pytest
from click.testing import CliRunner

from service.cli import main
from service.postmortems.sensitive import redact
from tests.evidence.corpus.vendors import VENDORS, vendor_log

PIECE = 10
"""No stretch of a secret as long as this may be left."""
AUTHORIZATION = (
    "GenieKey eb243592-faa2-4ba2" + "-a551-1afdf565c889",
    "SSWS 00QCjAl4MlV-WPXM" + "4ABCDEF0123456789abcdef",
    "Splunk 0123abcd-12ab-34cd" + "-56ef-0123456789ab",
    "Api-Token dt0c01.ABC123" + "DEF456GHI789JKL012.abcdef",
    "Key 0123456789abcdef" + "0123456789abcdef",
    "OAuth 00D50000000IZ3Z" + "!AQ0AQDpEDKYsn7ioKug2aSmgCjgrPjG",
    "HMAC user:0123" + "456789abcdef",
    'Digest username="Mufasa", realm="a@b", nonce="dcd98b71", response="6629fae49393"',
    "Unheard-Of abcdefgh ijklmnop",
)
PLACES = (
    "Authorization: {}",
    "> authorization: {}",
    '{{"timestamp": "2026-11-20T10:00:00Z", "msg": "Authorization: {}"}}',
    '{{"headers": {{"Authorization": "{}"}}}}',
    "'Proxy-Authorization': '{}',",
    "curl -H 'Authorization: {}' https://api.example",
)


def left_of(secret, text):
    return any(secret[at : at + PIECE] in text for at in range(max(len(secret) - PIECE + 1, 1)))


@pytest.mark.parametrize("value", AUTHORIZATION)
@pytest.mark.parametrize("place", PLACES)
def test_the_whole_value_of_an_authorization_header_goes_whatever_its_scheme(place, value):
    """Case 08."""
    text_with = place.format(json.dumps(value)[1:-1] if place.startswith("{{") else value)
    text, counted = redact(f"before\n{text_with}\nafter")
    assert value.partition(" ")[0] not in text
    assert not any(word in text for word in value.replace('"', " ").split()[1:] if word != ",")
    assert counted["credentials of an HTTP request"] == 1
    assert text.startswith("before\n")
    assert text.endswith("\nafter")


@pytest.mark.parametrize(("vendor", "line", "secret"), VENDORS)
def test_nothing_is_left_of_what_a_vendor_documents(vendor, line, secret):
    text, _ = redact(line.format(secret))
    assert not left_of(secret, text), vendor


def test_none_is_in_a_bundle_of_a_log_with_all_of_them_and_it_says_what_was_found(tmp_path):
    log, bundle, config = tmp_path / "app.jsonl", tmp_path / "it.zip", tmp_path / "mttx.yml"
    log.write_text(vendor_log())
    config.write_text(f"evidence: {{logs: {{files: ['{log}']}}}}")
    window = ["--from", "2026-11-20T09:00:00Z", "--to", "2026-11-20T11:00:00Z"]
    command = ["evidence", "collect", *window, "--out", str(bundle), "--config", str(config)]
    result = CliRunner().invoke(main, command, env={"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/mttx.db"})
    assert result.exit_code == 0, result.output
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("it.zip*")} == {0o600}
    with zipfile.ZipFile(bundle) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    manifest = json.loads(texts["manifest.json"])
    (kept,) = [text for name, text in texts.items() if name.startswith("logs/")]
    assert kept.count("\n") == len(VENDORS)
    for vendor, _, secret in VENDORS:
        assert not any(left_of(secret, text) for text in texts.values()), vendor
    (logs,) = [source for source in manifest["sources"] if source["name"] == "logs"]
    counts = {name: count for names in logs["redactions"].values() for name, count in names.items()}
    assert len({vendor for vendor, _, _ in VENDORS}) >= 20
    assert sum(counts.values()) >= len(VENDORS)
    assert {"GitHub token", "Slack webhook", "credentials of an HTTP request", "password or key"} <= set(counts)
    assert all(f"{name}" in result.output for name in counts)
