"""Secrets and personal data: what is detected, what is left alone, and what is left after redaction."""

import pytest

from service.postmortems.sensitive import SensitiveKind, find_sensitive, redact

SECRETS = [
    ("AKIAIOSFODNN7EXAMPLX", "AWS access key"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "GitHub token"),
    ("glpat-abcdefghij0123456789", "GitLab token"),
    ("xoxb-1234567890-abcdefghij", "Slack token"),
    ("hooks.slack.com/services/T00000000/B00000000/abcdefghijkl", "Slack webhook"),
    ("AIza" + "a" * 35, "Google API key"),
    ("sk_live_abcdefghijklmnop1234", "Stripe key"),
    ("glsa_abcdefghijklmnopqrstuvwx", "Grafana token"),
    ("npm_" + "a1" * 18, "npm token"),
    ("pypi-" + "a1" * 30, "PyPI token"),
    ("sk-" + "a1" * 20, "OpenAI-style key"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "JSON web token"),
    ("s.aB3dE5fG7hJ9kL1mN3pQ5rS7", "Vault token"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
]
IN_CONTEXT = [
    ("postgres://do:s3cr3t@db/orders", "s3cr3t", "password in a connection string"),
    ("Server=db;Uid=do;Pwd=hunter22;", "hunter22", "password or key"),
    ("Authorization: Bearer abcdefghijklmnop", "Bearer abcdefghijklmnop", "credentials of an HTTP request"),
    ("authorization: basic ZG86aHVudGVyMjI=", "basic ZG86aHVudGVyMjI=", "credentials of an HTTP request"),
    ('"password": "hunter22"', "hunter22", "password or key"),
    ("API_KEY=abc123def456", "abc123def456", "password or key"),
    ("パスワード：ｈｕｎｔｅｒ２２", "ｈｕｎｔｅｒ２２", "password or key"),
    ("token: abcdef0123456789", "abcdef0123456789", "token"),
    ("APIキー：abc123def456", "abc123def456", "password or key"),
    ("アクセスキーは abc123def456 です", "abc123def456", "password or key"),
    ("mysqldump -u root -pS3cret orders", "S3cret", "password or key"),
    ("docker login -u bot -p hunter22 registry", "hunter22", "password or key"),
    ("backup -pS3cr3t! -v", "S3cr3t!", "password or key"),
    ("postgres://do:s3@cr@t@db/orders", "s3@cr@t", "password in a connection string"),
    (
        "https://discord.com/api/webhooks/223704706495545344/" + "a1B2" * 17,
        "223704706495545344/" + "a1B2" * 17,
        "Discord webhook",
    ),
    ("https://chat.corp/hooks/" + "a1b2c3d4e5f6g7h8i9j0k1l2m3", "a1b2c3d4e5f6g7h8i9j0k1l2m3", "chat webhook"),
    ("kind: Secret\ndata:\n  a: aHVudGVy\n  b: MjI=\n---", "  a: aHVudGVy\n  b: MjI=\n", "Kubernetes Secret"),
    ("data:\n  a: aHVudGVy\nkind: Secret\n", "  a: aHVudGVy\n", "Kubernetes Secret"),
]
PERSONAL = [
    ("taro.yamada@corp.co.jp", "mail address"),
    ("090-1234-5678", "phone number"),
    ("０９０-１２３４-５６７８", "phone number"),
    ("(03) 1234-5678", "phone number"),
    ("08012345678", "phone number"),
    ("+81 90-1234-5678", "phone number"),
    ("+1 (555) 010-9999", "phone number"),
    ("4111 1111 1111 1111", "card number"),
    ("378282246310005", "card number"),
]
MY_NUMBERS = ["マイナンバー: 123456789018", "個人番号は1234-5678-9018", '{"my_number": "1234 5678 9018"}']
HARMLESS = [
    "2025-08-12 06:50 UTC / 15:50 JST",
    "order 0123-4567-8901-2345",
    "epoch 1755000000000 と 1755000000123",
    "4111 1111 1111 1112",
    "4444 4444 4444 4444",
    "password: ********",
    "password: <redacted>",
    "api_key: ${API_KEY}",
    "password: rotated yesterday",
    "secret: {placeholder}",
    "パスワード: 再設定した",
    "token: abcdefghijklmnopqrst",
    "git@github.com:org/repo.git",
    "alice@example.com, bob@mail.example, noreply@corp.co.jp",
    "https://grafana.example.com:3000/d/do",
    "postgres://do:***@db/orders",
    "max_tokens: 100000",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "192.168.10.20:8080",
    "v1.2.3+20250812",
    "+5% / +30 bps",
    "T+90m",
    "phone: 1234-5678",
    "s.aaaaaaaaaaaaaaaaaaaaaaaa",
    "task-abcdefghijklmnopqrstuvwxyz0123456789",
    "Processed session termination for sessionid: 0x14ede63a5a70002",
    "existingSecret: orders-db1",
    "imagePullSecret: registry-2",
    "PWD=/srv/app1 OLDPWD=/root/x1",
    '"OLDPWD": "/home/node1", PWD: \'/srv/x1\'',
    "`Authorization`, `Proxy-Authorization`",
    "private_key = $dir/private/key1.pem",
    '{"duration_ns": 4539148803436467, "elapsed": "4111111111111111"}',
    "took 4111111111111111 ns, 4111111111111111ns",
    "ssh -p2222 host; docker run -p 8080:80 app; patch -p1; mkdir -p /srv/app1; mysql -u root -p orders1",
    "stream/token: com.example.xpc.activity/4505",
    "トークンは 1000 個まで",
    "Authorization: the operator may deploy",
    "Authorization: Bearer $TOKEN",
    "kind: ConfigMap\ndata:\n  a: one\n",
]


@pytest.mark.parametrize(("text", "name"), SECRETS)
def test_it_finds_secrets_by_their_shape(text, name):
    (value,) = find_sensitive(f"前 {text} 後")
    assert (value.kind, value.name, value.start, value.end) == (SensitiveKind.SECRET, name, 2, 2 + len(text))


@pytest.mark.parametrize(("text", "secret", "name"), IN_CONTEXT)
def test_it_finds_secrets_by_what_stands_beside_them(text, secret, name):
    (value,) = find_sensitive(text)
    assert (value.kind, value.name, text[value.start : value.end]) == (SensitiveKind.SECRET, name, secret)


@pytest.mark.parametrize(("text", "name"), PERSONAL)
def test_it_finds_personal_data(text, name):
    (value,) = find_sensitive(f"連絡先: {text} です")
    assert (value.kind, value.name, value.end - value.start) == (SensitiveKind.PERSONAL, name, len(text))


@pytest.mark.parametrize("text", MY_NUMBERS)
def test_it_finds_the_number_of_a_citizen(text):
    (value,) = find_sensitive(text)
    assert (value.kind, value.name) == (SensitiveKind.PERSONAL, "My Number")
    assert sum(map(str.isdigit, text[value.start : value.end])) == 12


@pytest.mark.parametrize("text", HARMLESS)
def test_it_accepts_values_that_reveal_nothing(text):
    assert find_sensitive(text) == []


def test_it_takes_the_more_specific_of_two():
    (value,) = find_sensitive("token=ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    assert value.name == "GitHub token"


def test_it_redacts():
    text, counted = redact("mail taro@corp.co.jp\nor jiro@corp.co.jp, password=hunter22!")
    assert text == "mail [mail address removed]\nor [mail address removed], password=[password or key removed]"
    assert counted == {"mail address": 2, "password or key": 1}


def test_it_redacts_the_whole_of_a_private_key():
    key = "-----BEGIN PRIVATE KEY-----\nMIIB\ntaro@corp.co.jp\n-----END PRIVATE KEY-----"
    assert redact(f"a\n{key}\nb") == ("a\n[private key removed]\nb", {"private key": 1})
    assert redact(f"a\n{key[:40]}")[0] == "a\n[private key removed]"


def test_no_rest_of_a_longer_secret_is_left():
    """A password may begin with what looks like a key and go on behind it."""
    key = "AKIA" + "IOSFODNN7EXAMPLA"
    text, counted = redact(f"password={key}-Zz9tail;")
    assert "tail" not in text
    assert key not in text
    assert sum(counted.values()) == 1
