"""One log in which the secrets stand that vendors print in their documents. Each is a dummy; none opens anything.

They are written in parts, so that no scanner of repositories takes this file for a leak. The lines are as programs,
commands and configuration write them; the detectors of headers and tokens have to find all of them.
"""

import json

from tests.evidence.corpus.planted import encoded, letters

_HEX = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_UUID = "eb243592-faa2-4ba2" + "-a551-1afdf565c889"

# Vendor, a line of a log, and what must not be left of it.
VENDORS = (
    ("Airtable", "airtable: Authorization: Bearer {}", "pat" + "Wx8Kq0bNcP2rTs." + _HEX * 2),
    ("Atlassian", "curl --user fred@corp.example:{} https://jira.example/rest", "ATATT3" + "xFfGF0" + letters(170)),
    ("AWS", "aws_access_key_id = {}", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("AWS", "aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"),
    (
        "AWS",
        "Authorization: {}",
        "AWS4-HMAC-SHA256 Credential=AKIA" + "IOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-date, Signature=" + _HEX * 2,
    ),
    (
        "Azure",
        "AccountName=devstoreaccount1;AccountKey={};",
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2U" + letters(34) + "==",
    ),
    ("Azure", '{{"tenant": "contoso", "secret": "{}"}}', "Xp18Q" + "~" + letters(34)),
    ("Chatwork", "X-ChatWorkToken: {}", _HEX),
    (
        "Cloudflare",
        'curl -H "X-Auth-Email: user@example.com" -H "X-Auth-Key: {}"',
        "c2547eb745079dac9320" + "b638f5e225cf483cc5cfdda41",
    ),
    ("Datadog", "DD_API_KEY={} DD_SITE=datadoghq.eu", _HEX[::-1]),
    ("Datadog", '"DD-APPLICATION-KEY": "{}"', _HEX + "01234567"),
    ("DigitalOcean", "doctl auth init -t {}", "dop" + "_v1_" + _HEX * 2),
    ("Discord", "POST https://discord.com/api/webhooks/{} 204", "223704706495545344/" + letters(68)),
    ("Docker", "docker login -u bot -p {} registry.example", "dckr" + "_pat_" + letters(27)),
    (
        "Dynatrace",
        "Authorization: Api-Token {}",
        "dt0c01"
        + ".ST2EY72KQINMH574WMNVI7YN."
        + "G3DFPBEJYMODIDAEX454M7YW"
        + "BUVEFOWKPRVMWFASS64NFH52"
        + "PX6BNDVFFM572RZM",
    ),
    ("Elastic", "Authorization: ApiKey {}", encoded("VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw")),
    ("GitHub", "remote: https://x-access-token:{}@github.example/o/r.git", "gh" + "s_" + letters(36, 9)),
    ("GitLab", "PRIVATE-TOKEN: {}", "gl" + "pat-" + letters(20, 4)),
    ("Google", "GET /maps/api/geocode/json?address=x&key={}", "AI" + "zaSyD" + letters(33)),
    (
        "Google",
        '"url": "https://chat.googleapis.com/{}"',
        "v1/spaces/AAAAxyz/messages?key=AI" + "zaSyD" + letters(33) + "&token=" + letters(43),
    ),
    ("Grafana", "GRAFANA_TOKEN: {}", "gl" + "sa_HOruNAb7SOiCdshU9algkrq7FDsNSLAa_54c5d4f0"),
    ("Heroku", "HEROKU_API_KEY=HRKU-{}", "AA" + letters(58)),
    ("LINE", "Authorization: Bearer {}", letters(90) + "+/=" + letters(60) + "="),
    ("Mailgun", "curl -s --user 'api:{}' https://api.mailgun.example/v3", "key-3ax6xnjp29jd6fds" + "4gc373sgvjxteol0"),
    (
        "Microsoft Teams",
        "webhook_url: https://corp.webhook.office.com/{}",
        f"webhookb2/{_UUID}@{_UUID}/IncomingWebhook/{_HEX}/{_UUID}",
    ),
    ("New Relic", "Api-Key: {}", "NRAK" + "-7JCF597RJ492YTZ23H8L9NQ42CV"),
    ("npm", "//registry.npmjs.org/:_authToken={}", "np" + "m_" + letters(36, 2)),
    ("Okta", "Authorization: SSWS {}", "00QCjAl4MlV-WPXM" + "4ABCDEF0123456789abcdef"),
    ("OpenAI", "OPENAI_API_KEY='{}'", "s" + "k-proj-" + letters(48, 8)),
    ("Opsgenie", "Authorization: GenieKey {}", _UUID),
    ("PagerDuty", '{{"headers": {{"Authorization": "Token token={}"}}}}', "y_NbAkKc66ryYTWUXYEu"),
    ("PagerDuty", "POST https://events.pagerduty.com/integration/{}/enqueue", _HEX),
    ("PayPal", "curl -u AfirstClient:{} https://api-m.paypal.example", "EfirstSecret" + letters(30)),
    ("Salesforce", "Authorization: OAuth {}", "00D50000000IZ3Z" + "!AQ0AQDpEDKYsn7ioKug2aSmgCjgrPjG"),
    (
        "SendGrid",
        "smtp login user=apikey pass={}",
        "S" + "G.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    ),
    ("Sentry", "SENTRY_AUTH_TOKEN={}", "sntry" + "u_" + _HEX * 2),
    ("Shopify", "X-Shopify-Access-Token: {}", "shp" + "at_" + _HEX),
    ("Slack", '"token": "{}"', "xo" + "xb-17653672481-19874698323-" + letters(24)),
    (
        "Slack",
        "slack_api_url: https://hooks.slack.com/services/{}",
        "T00000000/B00000000/" + "XXXXXXXXXXXXXXXXXXXXXXXX",
    ),
    ("Splunk", "Authorization: Splunk {}", "0123abcd-12ab-34cd" + "-56ef-0123456789ab"),
    ("Square", "Authorization: Bearer {}", "EAA" + "AEBvo4Y" + letters(50)),
    ("Stripe", "curl https://api.stripe.example/v1/charges -u {}:", "sk" + "_test_4eC39HqLyjWDarjtT1zdp7dc"),
    (
        "Telegram",
        "GET https://api.telegram.org/bot{}/sendMessage",
        "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
    ),
    ("Twilio", "accountSid=ACxxxx apiKey={}", "SK" + _HEX),
    ("Vault", "X-Vault-Token: {}", "hv" + "s.CAESI" + letters(90)),
    ("MySQL", "+ mysqldump -h db -u root -p{} orders", "S3cr3t-Pa55"),
)


def vendor_log() -> str:
    """Return the log: one JSON object a line, with a time and a message."""
    lines = (line.format(secret) for _, line, secret in VENDORS)
    return "".join(
        json.dumps({"timestamp": f"2026-11-20T10:00:{number:02d}Z", "msg": line}) + "\n"
        for number, line in enumerate(lines)
    )
