"""Secrets and personal data, as they get into logs, configuration and traces. None of them was ever anybody's.

Tokens are written in parts, so that no scanner of repositories takes this file for a leak.
"""

import base64
import json

LETTERS = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzA1bC2dE3fG4hH5jK6lM7nP8qR9sT0uV"


def letters(number, start=0):
    return (LETTERS * 6)[start : start + number]


def jwt(*parts):
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def pem(kind, lines=4):
    body = "\n".join(letters(64, number) for number in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


# Known by their shape alone, wherever they stand.
TOKENS = {
    "aws": "AKIA" + "Q3EGRIZ7WM4XJT5B",
    "aws temporary": "ASIA" + "Y34FZKBOKMUTVV7A",
    "jwt": jwt({"alg": "HS256", "typ": "JWT"}, {"sub": "1234", "name": "x"}) + "." + letters(43),
    "jwt rs256": jwt({"alg": "RS256", "kid": "k1"}, {"iss": "https://id.corp.co.jp", "exp": 1}) + "." + letters(342),
    "jwe": jwt({"alg": "dir", "enc": "A256GCM"}) + ".." + letters(16) + "." + letters(60) + "." + letters(22),
    "github": "gh" + "p_" + letters(36),
    "github oauth": "gh" + "o_" + letters(36, 3),
    "github server": "gh" + "s_" + letters(36, 5),
    "github fine": "github" + "_pat_" + letters(22) + "_" + letters(59),
    "gitlab": "gl" + "pat-" + letters(20),
    "gitlab deploy": "gl" + "dt-" + letters(20),
    "slack bot": "xo" + "xb-123456789012-1234567890123-" + letters(24),
    "slack user": "xo" + "xp-123456789012-" + letters(32),
    "slack app": "xa" + "pp-1-A012BCDEF34-1234567890123-" + letters(40),
    "slack webhook": "https://hooks.slack" + ".com/services/T0123ABCD/B0123ABCD/" + letters(24),
    "google": "AI" + "za" + letters(35),
    "google oauth": "ya" + "29." + letters(60),
    "google client": "GOC" + "SPX-" + letters(28),
    "stripe": "sk" + "_live_" + letters(24),
    "stripe restricted": "rk" + "_live_" + letters(24),
    "stripe webhook": "wh" + "sec_" + letters(32),
    "grafana": "gl" + "sa_" + letters(32) + "_0a1b2c3d",
    "npm": "np" + "m_" + letters(36),
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + letters(60),
    "openai": "s" + "k-proj-" + letters(48),
    "anthropic-like": "s" + "k-ant-api03-" + letters(60),
    "sendgrid": "S" + "G." + letters(22) + "." + letters(43),
    "hugging face": "h" + "f_" + letters(34),
    "digital ocean": "do" + "p_v1_" + "0a1b2c3d" * 8,
    "vault": "hv" + "s." + letters(24),
    "age": "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE",
    "kubeconfig key": encoded(pem("RSA PRIVATE KEY")),
    "kubeconfig plain key": encoded(pem("PRIVATE KEY")),
    "ssh key in base64": encoded(pem("OPENSSH PRIVATE KEY")),
}

PERSONAL = {
    "mail": "taro.yamada@corp.co.jp",
    "mail with a tag": "hanako+orders@mail.corp.jp",
    "mail in capitals": "JIRO.SUZUKI@CORP.CO.JP",
    "mail with signs": "o'neil_x-1%y@sub.sub.corp.com",
    "mobile": "090-1234-5678",
    "mobile 080": "080 1234 5678",
    "mobile 070 plain": "07012345678",
    "mobile 060": "060-1234-5678",
    "ip phone": "050-1234-5678",
    "tokyo": "03-1234-5678",
    "tokyo in brackets": "(03)1234-5678",
    "tokyo with brackets inside": "03(1234)5678",
    "osaka": "06-6123-4567",
    "four digits": "0466-12-3456",
    "five digits": "04992-2-1234",
    "free": "0120-123-456",
    "free 0800": "0800-123-4567",
    "full width": "０９０－１２３４－５６７８",
    "full width minus": "０９０−１２３４−５６７８",
    "full width plain": "０９０１２３４５６７８",
    "long vowel marks": "090ー1234ー5678",
    "hyphens of other kinds": "090‐1234‐5678",
    "no-break hyphens": "090‑1234‑5678",
    "en dashes": "03–1234–5678",
    "dots": "090.1234.5678",
    "country": "+81-90-1234-5678",
    "country plain": "+819012345678",
    "country with a zero": "+81 (0)90-1234-5678",
    "country full width": "＋８１－９０－１２３４－５６７８",
    "america": "+1 (415) 555-2671",
    "america plain": "+14155552671",
    "britain": "+44 20 7946 0958",
    "germany": "+49 1512 3456789",
    "visa": "4111111111111111",
    "visa in groups": "4539 1488 0343 6467",
    "visa with dashes": "4539-1488-0343-6467",
    "visa of 13": "4222222222222",
    "mastercard": "5555555555554444",
    "mastercard 2": "2223003122003222",
    "amex": "378282246310005",
    "amex in groups": "3782 822463 10005",
    "discover": "6011111111111117",
    "jcb": "3530111333300000",
    "diners": "30569309025904",
    "diners in groups": "3056 930902 5904",
    "unionpay": "6240008631401148",
    "full width card": "４１１１ １１１１ １１１１ １１１１",
}

CONTEXTS = (
    "{}",
    '{{"timestamp": "2026-11-23T09:00:00Z", "component": "router", "message": "{}"}}',
    '{{"body": "{{\\"note\\": \\"{}\\"}}", "status": 200}}',
    "  contact: {}\n  other: yes",
    "CONTACT={}",
    "2026-11-23 18:00:00,123 INFO router [t-1] sent to {} in 3.2 ms",
    "値は「{}」です。",
    "担当{}へ",
    "| id | {} | 12 |",
    "<td>{}</td>",
    "['{}', 12]",
    "level=info msg=done who={} order_id=ORD-1",
    "a\t{}\tb",
    "({}), see above",
)

PASSWORD = "Tr0ub4dor&3x"
OPAQUE = letters(40, 7)
HEX = "9f86d081884c7d659a2feaa0c55ad015"
BASIC = encoded("do:hunter22!")

# (text, what must not be left of it)
IN_CONTEXT = [
    # connection strings
    ("postgres://do:s3cr3t@db/orders", "s3cr3t"),
    ("postgresql+psycopg://do:letmein@db.corp.co.jp:5432/orders?sslmode=require", "letmein"),
    ("DATABASE_URL=mysql://root:p%40ss%2Fword@10.0.0.3:3306/x", "p%40ss%2Fword"),
    ('{"dsn": "mongodb+srv://app:Zx9-_.q@cluster0.corp.net/?retryWrites=true"}', "Zx9-_.q"),
    ("redis://:onlypassword@cache:6379/0", "onlypassword"),
    ("amqps://guest:gu3st!@mq.corp.net/vhost", "gu3st!"),
    ("broker_url: 'amqp://airflow:airfl0w@rabbit//'", "airfl0w"),
    ("git clone https://deploy:" + "gl0b4lpw@git.corp.net/team/repo.git", "gl0b4lpw"),
    ("jdbc:mysql://db:3306/x?user=app&password=Qwerty12345", "Qwerty12345"),
    ("jdbc:postgresql://db/x?password=plainlower&user=app", "plainlower"),
    ("jdbc:oracle:thin:scott/t1ger2@//db:1521/x", "t1ger2"),
    ("Server=db;Database=x;User Id=sa;Password=Str0ng;Encrypt=true", "Str0ng"),
    ("Server=db;Uid=do;Pwd=hunter22;", "hunter22"),
    ("host=db port=5432 user=app password=hunter22 dbname=x", "hunter22"),
    ("host=db user=app password='two words1' dbname=x", "two words1"),
    ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=" + letters(43) + "=", letters(43)),
    ("DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + letters(86) + "==;EndpointSuffix=x", letters(86)),
    ("https://x.blob.core.windows.net/c/f?sv=2022-11-02&sig=" + letters(40) + "%3D&se=2026", letters(40)),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=" + HEX * 2 + "&X-Amz-Expires=60", HEX * 2),
    ("ERROR cannot connect to postgres://svc:Pa$$w0rd@db:5432/x: refused", "Pa$$w0rd"),
    ("ftp://up:load:er9@files/x", "load:er9"),
    # headers
    (f"Authorization: Bearer {OPAQUE}", OPAQUE),
    (f"authorization: bearer {OPAQUE}", OPAQUE),
    (f'{{"Authorization": "Bearer {OPAQUE}"}}', OPAQUE),
    (f'{{"headers": "{{\\"Authorization\\": \\"Bearer {OPAQUE}\\"}}"}}', OPAQUE),
    (f"{{'Authorization': 'Basic {BASIC}'}}", BASIC),
    (f'"authorization":"Basic {BASIC}"', BASIC),
    (f"Proxy-Authorization: Basic {BASIC}", BASIC),
    (f"> Authorization: Basic {BASIC}", BASIC),
    (f"authorization=Basic {BASIC}", BASIC),
    (f'curl -H "Authorization: token {HEX}" https://x', HEX),
    (f"Authorization: {OPAQUE}", OPAQUE),
    (f"X-Api-Key: {HEX}", HEX),
    (f'"x-api-key": ["{HEX}"]', HEX),
    (f"X-Auth-Token: {OPAQUE}", OPAQUE),
    (f"PRIVATE-TOKEN: {letters(20)}", letters(20)),
    (f"Cookie: theme=dark; sessionid={HEX}; lang=ja", HEX),
    (f"Set-Cookie: SESSION={HEX}; Path=/; HttpOnly", HEX),
    (f"cookie: JSESSIONID={HEX.upper()}", HEX.upper()),
    # keys and values
    (f"password: {PASSWORD}", PASSWORD),
    (f'"password": "{PASSWORD}"', PASSWORD),
    (f"'password': '{PASSWORD}'", PASSWORD),
    (f'"password" : "{PASSWORD}"', PASSWORD),
    (f'{{"body": "{{\\"user\\":\\"x\\",\\"password\\":\\"{PASSWORD}\\"}}"}}', PASSWORD),
    (f'{{"body": "{{\\\\\\"password\\\\\\": \\\\\\"{PASSWORD}\\\\\\"}}"}}', PASSWORD),
    ('{"password":"letmeinplease"}', "letmeinplease"),
    ("DB_PASSWORD=letmein", "letmein"),
    ("export DB_PASSWORD='hunter22 x'", "hunter22 x"),
    ("DB_PASS=hunter22", "hunter22"),
    ("PGPASSWORD=hunter22 psql -h db", "hunter22"),
    ("MYSQL_PWD=hunter22", "hunter22"),
    ("mysql -u root --password=hunter22 x", "hunter22"),
    ("tool --password hunter22 --verbose", "hunter22"),
    ("tool --api-key " + HEX, HEX),
    ("tool --token " + HEX, HEX),
    ("curl -u admin:hunter22 https://x", "hunter22"),
    ("curl --user 'admin:hunter22' https://x", "hunter22"),
    ("sshpass -p hunter22 ssh x", "hunter22"),
    ("machine git.corp.net login do password hunter22", "hunter22"),
    ("//registry.npmjs.org/:_authToken=" + HEX, HEX),
    ('{"auths": {"r.corp.net": {"auth": "' + BASIC + '"}}}', BASIC),
    ("spring.datasource.password=hunter22", "hunter22"),
    ("dbPassword: hunter22", "hunter22"),
    ('"adminPassword":"hunter22"', "hunter22"),
    ("passwd=hunter22", "hunter22"),
    ("user_pwd: hunter22", "hunter22"),
    ("passphrase = correct1 horse", "correct1"),
    ('passphrase: "correct horse battery"', "correct horse battery"),
    ("<password>hunter22</password>", "hunter22"),
    ('<property name="password" value="hunter22"/>', "hunter22"),
    (f"api_key={HEX}", HEX),
    (f"apikey: '{HEX}'", HEX),
    (f"apiKey={OPAQUE}", OPAQUE),
    (f"https://api.corp.net/v1?api_key={HEX}&q=1", HEX),
    (f"https://api.corp.net/v1?access_token={OPAQUE}", OPAQUE),
    (f"https://api.corp.net/v1?q=1&token={HEX}", HEX),
    (f"https://api.corp.net/v1?key={HEX}", HEX),
    (f"api%5Fkey%3D{HEX}", HEX),
    (f"client_secret={letters(32)}", letters(32)),
    (f'"clientSecret":"{letters(32)}"', letters(32)),
    (f'"client-secret": "{letters(32)}"', letters(32)),
    (f"SECRET_KEY = '{letters(50)}'", letters(50)),
    (f"SECRET_KEY_BASE={HEX * 4}", HEX * 4),
    (f"secret: {letters(24)}", letters(24)),
    (f"webhook_secret: {HEX}", HEX),
    (f"signing_key: {HEX}", HEX),
    (f"ENCRYPTION_KEY={encoded(HEX)}", encoded(HEX)),
    (f"fernet_key = {letters(43)}=", letters(43)),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"),
    ('"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"),
    (f"aws_session_token={letters(200)}==", letters(200)),
    (f"access_token: {OPAQUE}", OPAQUE),
    (f'"refresh_token":"{OPAQUE}"', OPAQUE),
    (f'"refreshToken":"{OPAQUE}"', OPAQUE),
    (f'"id_token": "{OPAQUE}"', OPAQUE),
    (f"auth_token={HEX}", HEX),
    (f"csrf_token={HEX}", HEX),
    (f"token: {HEX}", HEX),
    (f"TOKEN={HEX}", HEX),
    (f'"token":"{HEX}"', HEX),
    (f"session_id={HEX}", HEX),
    (f"MTTX_GRAFANA_TOKEN={HEX}", HEX),
    ("パスワード：ｈｕｎｔｅｒ２２", "ｈｕｎｔｅｒ２２"),
    ("パスワードは hunter22! です", "hunter22!"),
    ("パスワード「hunter22」", "hunter22"),
    ("暗証番号: 739204", "739204"),
    ("暗証番号：7392", "7392"),
    ("電話番号: 0312345678", "0312345678"),
    ('{"phone": "0312345678"}', "0312345678"),
    ("TEL03-1234-5678", "03-1234-5678"),
    ("tel:0312345678", "0312345678"),
    ("phone_number=4155552671", "4155552671"),
    ('"phone": "415-555-2671"', "415-555-2671"),
    ("mailto:taro@corp.co.jp", "taro@corp.co.jp"),
    ("email=taro%40corp.co.jp&x=1", "taro%40corp.co.jp"),
    ("taro.yamada＠corp.co.jp", "taro.yamada＠corp.co.jp"),
    ('{"card": 4111111111111111, "amount": 3}', "4111111111111111"),
    ('{"pan":"5555-5555-5555-4444"}', "5555-5555-5555-4444"),
]

# Over several lines; each of these lines must be gone.
KEYS = [
    pem("PRIVATE KEY"),
    pem("RSA PRIVATE KEY"),
    pem("EC PRIVATE KEY"),
    pem("DSA PRIVATE KEY"),
    pem("ENCRYPTED PRIVATE KEY"),
    pem("OPENSSH PRIVATE KEY", lines=30),
    pem("PGP PRIVATE KEY BLOCK"),
    json.dumps({"key": pem("PRIVATE KEY")}),
    json.dumps({"body": json.dumps({"key": pem("RSA PRIVATE KEY")})}),
    "tls.key: |\n" + "\n".join(f"    {line}" for line in pem("PRIVATE KEY").splitlines()),
    "\r\n".join(pem("RSA PRIVATE KEY").splitlines()),
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    + pem("RSA PRIVATE KEY").split("\n", 1)[1],
    "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n" + letters(64) + "\nPrivate-MAC: " + HEX,
]


def planted():
    """Return everything as (text, secrets): none of the secrets may be left of the text."""
    shaped = [
        (context.format(value), [value.removeprefix("https://hooks.slack.com/services/")])
        for value in (TOKENS | PERSONAL).values()
        for context in CONTEXTS
    ]
    beside = [(text, [secret]) for text, secret in IN_CONTEXT]
    keys = [(text, [letters(64, number)[3:40] for number in range(4)]) for text in KEYS[:-1]]
    return shaped + beside + keys + [(KEYS[-1], [letters(64)])]
