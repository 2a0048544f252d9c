"""Tokens with a known shape, and webhook URLs that let anyone who knows them post to a chat.

The shapes come from the vendors' documentation and, as facts, from the rules of gitleaks.
"""

import re

from service.postmortems.detector import Detector, SensitiveKind, looks_random, value_of

PRIVATE_KEY = "private key"
KEY_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]{8,128}")
# Not inside a word; the last characters of an escape such as \n or %3D do not belong to one.
_WORD = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_ALNUM = "[A-Za-z0-9]"
_BASE = "[A-Za-z0-9_-]"
_UUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


def _is_mixed(match: re.Match[str]) -> bool:
    """Tell a short token from a name with a point in it."""
    value = value_of(match)
    return looks_random(value) and (value.lower() == value or any(map(str.isupper, value[2:])))


_NAMED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("1Password key", ("A3-",), r"(A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3})"),
    ("1Password token", ("ops_eyJ",), r"(ops_eyJ[A-Za-z0-9+/_-]{200,4000}={0,3})"),
    ("Adobe secret", ("p8e-",), rf"(p8e-{_ALNUM}{{32}})"),
    ("age key", ("AGE-SECRET-KEY-1",), r"(AGE-SECRET-KEY-1[A-Z0-9]{50,70})"),
    ("Airtable token", ("pat",), rf"(pat{_ALNUM}{{14}}\.[a-f0-9]{{64}})"),
    ("Alibaba key", ("LTAI",), rf"(LTAI{_ALNUM}{{12,30}})"),
    ("Artifactory key", ("AKCp",), rf"(AKCp{_ALNUM}{{60,80}})"),
    ("Artifactory token", ("cmVmd",), rf"(cmVmd{_ALNUM}{{55,80}})"),
    (
        "Atlassian token",
        ("ATATT3", "ATCTT3", "ATBB"),
        rf"((?:AT[AC]TT3{_BASE}{{60,400}}|ATBB{_BASE}{{24,64}})(?:=\w{{8}})?)",
    ),
    (
        "AWS access key",
        ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        r"((?:A3T[A-Z0-9]|A[KSB]IA|ACCA)[A-Z0-9]{16})(?![A-Z0-9])",
    ),
    (
        "AWS Bedrock key",
        ("ABSK", "bedrock-api-key-"),
        r"((?:ABSK[A-Za-z0-9+/]{100,300}|bedrock-api-key-[\w+/=-]{20,4000})={0,2})",
    ),
    ("Brevo key", ("xkeysib-", "xsmtpsib-"), rf"(x(?:key|smtp)sib-[a-f0-9]{{64}}-{_ALNUM}{{16}})"),
    ("Buildkite token", ("bkua_", "bkct_"), r"(bk(?:ua|ct)_[a-f0-9]{40})"),
    ("CircleCI token", ("CCIPAT_", "CCIPRJ_"), rf"(CCIP(?:AT|RJ)_{_ALNUM}{{10,40}}_[a-f0-9]{{40}})"),
    ("ClickHouse key", ("4b1d",), rf"(4b1d{_ALNUM}{{38}})(?!{_ALNUM})"),
    ("Clojars token", ("CLOJARS_", "clojars_"), rf"((?i:CLOJARS)_{_ALNUM}{{60}})"),
    ("Cloudflare key", ("v1.0-",), r"(v1\.0-[a-f0-9]{24}-[a-f0-9]{100,200})"),
    ("Contentful token", ("CFPAT-",), rf"(CFPAT-{_BASE}{{43}})"),
    ("Databricks token", ("dapi",), r"(dapi[a-f0-9]{32}(?:-\d)?)"),
    ("Docker token", ("dckr_",), rf"(dckr_(?:pat|oat)_{_BASE}{{20,60}})"),
    ("Doppler token", ("dp.",), rf"(dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{1,60}}\.)?{_ALNUM}{{40,50}})"),
    ("Dropbox token", ("sl.",), r"(sl\.(?:u\.)?[\w=-]{120,2000})"),
    ("Duffel token", ("duffel_",), r"(duffel_(?:test|live)_[\w=-]{43})"),
    ("Dynatrace token", ("dt0",), rf"(dt0[a-z][0-9]{{2}}\.{_ALNUM}{{24}}\.{_ALNUM}{{64}})"),
    ("EasyPost key", ("EZAK", "EZTK"), rf"(EZ[AT]K{_ALNUM}{{54}})"),
    ("Facebook token", ("EAAC", "EAAM", "EAAB", "EAAG"), rf"(EAA[A-Z]{_ALNUM}{{100,400}})"),
    ("Figma token", ("figd_",), rf"(figd_{_BASE}{{30,60}})"),
    ("Flutterwave key", ("FLWSECK", "FLWPUBK"), rf"(FLW(?:SECK|PUBK)(?:_TEST)?-{_ALNUM}{{12,40}}(?:-X)?)"),
    ("Fly.io token", ("fo1_", "fm1", "fm2_"), rf"(fo1_{_BASE}{{43}}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{{80,4000}}={{0,3}})"),
    ("Frame.io token", ("fio-u-",), r"(fio-u-[\w=-]{64})"),
    ("GitHub token", ("gh", "github_pat_"), r"((?:gh[pousr]|github_pat)_\w{20,255})"),
    (
        "GitLab token",
        ("gl",),
        rf"(gl(?:pat|rt|rtr|dt|ptt|cbt|ft|agent|ffct|imt|oas|soat|wt)-{_BASE}{{16,350}}(?:\.{_ALNUM}{{2,12}}){{0,3}})",
    ),
    ("GitLab token", ("GR1348941",), rf"(GR1348941{_BASE}{{20}})"),
    ("GitLab token", ("_gitlab_session=",), r"(?<=_gitlab_session=)([0-9a-f]{32})"),
    ("Google API key", ("AIza",), rf"(AIza{_BASE}{{35}})"),
    ("Google token", ("ya29.",), rf"(ya29\.{_BASE}{{20,2000}})"),
    ("Google client secret", ("GOCSPX-",), rf"(GOCSPX-{_BASE}{{20,100}})"),
    (
        "Grafana token",
        ("glsa_", "glc_", "eyJrIjoi"),
        r"((?:gl(?:sa|c)_[A-Za-z0-9_+/=]{20,400}|eyJrIjoi[A-Za-z0-9+/]{40,400}={0,3}(?![.\w])))",
    ),
    ("Groq key", ("gsk_",), rf"(gsk_{_ALNUM}{{40,60}})"),
    ("Harness key", ("pat.", "sat."), rf"([ps]at\.{_BASE}{{22}}\.{_ALNUM}{{24}}\.{_ALNUM}{{20}})"),
    ("Heroku key", ("HRKU-",), rf"(HRKU-{_BASE}{{36,64}})"),
    ("Honeycomb key", ("hca", "hcb", "hcx"), r"(hc[abx](?:ik|lk|mk)_[a-z0-9]{58})"),
    ("HubSpot token", ("pat-",), rf"(pat-(?:na|eu|ap)[0-9]-{_UUID})"),
    ("Hugging Face token", ("hf_", "api_org_"), rf"((?:hf|api_org)_{_ALNUM}{{30,100}})"),
    ("Infracost key", ("ico-",), rf"(ico-{_ALNUM}{{32}})"),
    ("Intra42 secret", ("s-s4t2",), r"(s-s4t2(?:ud|af)-[a-f0-9]{64})"),
    ("LangSmith key", ("lsv2_",), r"(lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10})"),
    ("Linear key", ("lin_",), rf"(lin_(?:api|oauth)_{_ALNUM}{{40,64}})"),
    ("Mapbox token", ("sk.eyJ",), rf"(sk\.eyJ{_BASE}{{40,300}}\.{_BASE}{{15,60}})"),
    ("Netlify token", ("nfp_",), rf"(nfp_{_ALNUM}{{30,50}})"),
    ("New Relic key", ("NRAK-", "NRII-", "NRRA-", "NRJS-"), rf"(NR(?:AK|II|RA|JS)-{_BASE}{{19,50}})"),
    ("Notion token", ("ntn_", "secret_"), rf"(ntn_[0-9]{{11}}{_ALNUM}{{35}}|secret_{_ALNUM}{{43}})"),
    ("npm token", ("npm_",), r"(npm_[A-Za-z0-9]{36})"),
    ("Octopus key", ("API-",), r"(API-[A-Z0-9]{25,32})(?![A-Za-z0-9-])"),
    (
        "OpenAI-style key",
        ("sk-", "xai-", "pplx-"),
        rf"(sk-{_BASE}{{32,250}}|xai-{_ALNUM}{{60,100}}|pplx-{_ALNUM}{{40,60}})",
    ),
    ("OpenShift token", ("sha256~",), rf"(sha256~{_BASE}{{43}})"),
    ("PlanetScale secret", ("pscale_",), r"(pscale_(?:tkn|oauth|pw)_[\w=.-]{32,64})"),
    ("Postman key", ("PMAK-",), r"(PMAK-[A-Za-z0-9]{24}-[A-Za-z0-9]{34})"),
    ("Prefect key", ("pnu_", "pnb_"), rf"(pn[ub]_{_ALNUM}{{36}})"),
    ("Pulumi token", ("pul-",), r"(pul-[a-f0-9]{40})"),
    ("PyPI token", ("pypi-",), rf"(pypi-{_BASE}{{40,1000}})"),
    ("ReadMe key", ("rdme_",), r"(rdme_[a-z0-9]{70})"),
    ("Render key", ("rnd_",), rf"(rnd_{_ALNUM}{{28,40}})"),
    ("Replicate token", ("r8_",), rf"(r8_{_ALNUM}{{37}})"),
    ("RubyGems key", ("rubygems_",), r"(rubygems_[a-f0-9]{48})"),
    ("Scalingo token", ("tk-us-",), rf"(tk-us-{_BASE}{{48}})"),
    ("SendGrid key", ("SG.",), rf"(SG\.(?:[\w=.-]{{66}}|{_BASE}{{16,64}}\.{_BASE}{{16,128}}))"),
    ("Sentry token", ("sntrys_", "sntryu_"), r"(sntry(?:s_eyJ[A-Za-z0-9+/=_]{60,600}|u_[a-f0-9]{64}))"),
    ("SettleMint token", ("sm_",), rf"(sm_(?:aat|pat|sat)_{_ALNUM}{{16}})"),
    ("Shippo token", ("shippo_",), r"(shippo_(?:live|test)_[a-fA-F0-9]{40})"),
    ("Shopify token", ("shp",), r"(shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32})"),
    ("Slack token", ("xox", "xapp-"), r"((?:xoxe\.)?(?:xox[abdeoprs]|xapp)-[A-Za-z0-9-]{8,250})"),
    ("Sonar token", ("squ_", "sqp_", "sqa_"), r"(sq[upa]_[a-f0-9]{40})"),
    ("Sourcegraph token", ("sgp_",), r"(sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40})"),
    ("Square token", ("EAAA", "sq0atp-", "sq0csp-"), rf"((?:EAAA|sq0[ac][ts]p-){_BASE}{{22,64}})"),
    ("Stripe key", ("whsec_",), r"(whsec_[A-Za-z0-9+/=]{16,200})"),
    ("Supabase key", ("sbp_", "sb_secret_"), rf"(sbp_[a-f0-9]{{40}}|sb_secret_{_BASE}{{20,60}})"),
    ("Tailscale key", ("tskey-",), r"(tskey-[a-z]{3,12}-[A-Za-z0-9]{8,30}(?:-[A-Za-z0-9]{16,60})?)"),
    ("Twilio key", ("SK",), r"(SK[0-9a-fA-F]{32})(?![0-9a-zA-Z])"),
    ("Typeform token", ("tfp_",), r"(tfp_[\w.=-]{40,70})"),
    ("Vault token", ("hv",), rf"(hv[sbr]\.{_BASE}{{20,300}})"),
    (
        "JSON web token",
        ("ey",),
        rf"(eyJ{_BASE}{{8,2000}}\.(?:eyJ{_BASE}{{8,4000}}|{_BASE}{{0,1000}})\.{_BASE}{{8,4000}}"
        rf"(?:\.{_BASE}{{8,8000}}\.{_BASE}{{8,100}})?"
        rf"|ey{_ALNUM}{{17,2000}}\.ey[A-Za-z0-9/\\_-]{{17,4000}}\.(?:{_BASE}{{8,4000}})?)",
    ),
    ("JSON web token", ("ZXlK",), r"(ZXlK[A-Za-z0-9+/_-]{30,8000}={0,2})"),
    ("private key in base64", ("LS0tLS1CRUdJTiB",), r"(LS0tLS1CRUdJTiB(?!QVUJM|DRVJU)[A-Za-z0-9+/]{20,8000}={0,2})"),
)
# Whoever knows the address may write there. What goes is what the address has of a secret.
_ADDRESSES = (
    (
        "Slack webhook",
        ("hooks.slack.com",),
        r"(hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,120})",
    ),
    ("Teams webhook", (".webhook.office.com/",), r"\.webhook\.office\.com/(webhookb2/[\w@/-]{40,300})"),
    (
        "Teams webhook",
        (".logic.azure.com", ".api.powerplatform.com"),
        r"\.(?:logic\.azure|api\.powerplatform)\.com(?::443)?(/[\w/.-]{0,300}workflows/[^\s\"'<>\\]{20,600})",
    ),
    ("Discord webhook", ("/api/webhooks/",), r"/api/webhooks/([0-9]{15,22}/[\w-]{50,100})"),
    ("Google Chat webhook", ("chat.googleapis.com/",), r"chat\.googleapis\.com/(v1/spaces/[^\s\"'<>\\]{20,400})"),
    ("chat webhook", ("/hooks/",), rf"/hooks/([a-z0-9]{{26}}|{_ALNUM}{{17,24}}/{_ALNUM}{{30,70}})(?!{_ALNUM})"),
    ("Webex webhook", ("webexapis.com/",), r"webexapis\.com/(v1/webhooks/incoming/[\w-]{30,200})"),
    ("Feishu webhook", ("/open-apis/bot/",), rf"/open-apis/bot/(v2/hook/{_UUID})"),
    ("DingTalk webhook", ("robot/send?access_token=",), r"robot/send\?access_token=([0-9a-f]{32,80})"),
    ("WeCom webhook", ("webhook/send?key=",), rf"webhook/send\?key=({_UUID})"),
    ("Zapier webhook", ("hooks.zapier.com/",), r"hooks\.zapier\.com/(hooks/catch/[0-9]{3,12}/[a-z0-9]{5,20})"),
    (
        "IFTTT webhook",
        ("maker.ifttt.com/",),
        rf"maker\.ifttt\.com/(trigger/[\w-]{{1,60}}/(?:json/)?with/key/{_BASE}{{10,60}})",
    ),
    ("PagerDuty key", ("events.pagerduty.com/",), r"events\.pagerduty\.com/(?:x-ere|integration)/(\w{20,40})"),
    ("Sumo Logic collector", (".sumologic.com/receiver/",), r"\.sumologic\.com/(receiver/v1/http/[\w=-]{40,200})"),
)


def _shape(name: str, anchors: tuple[str, ...], pattern: str, back: int = 0, reach: int = 200) -> Detector:
    return Detector(
        SensitiveKind.SECRET, name, anchors, re.compile(_WORD + pattern), folded=False, back=back, reach=reach
    )


SHAPES = (
    *(_shape(*row) for row in _NAMED),
    *(Detector(SensitiveKind.SECRET, name, at, re.compile(pattern), folded=False) for name, at, pattern in _ADDRESSES),
    _shape(
        "Authress key",
        (".acc",),
        rf"((?:sc|ext|scauth|authress)_{_ALNUM}{{5,30}}\.[a-z0-9]{{4,6}}\.acc[_-][a-z0-9-]{{10,32}}\.[\w+/=-]{{30,120}})",
        48,
    ),
    _shape("Azure secret", ("Q~",), r"([\w~.]{3}\dQ~[\w~.-]{31,34})", 4),
    _shape("DigitalOcean token", ("_v1_",), r"(do[opr]_v1_[a-f0-9]{64})", 3),
    _shape("Facebook token", ("|", "%"), rf"([0-9]{{15,16}}(?:\||%7C|%){_BASE}{{27,40}})(?!{_BASE})", 17, reach=48),
    _shape("MaxMind key", ("_mmk",), rf"({_ALNUM}{{6}}_{_ALNUM}{{29}}_mmk)", 36),
    _shape("Stripe key", ("_live_", "_test_", "_prod_"), r"([rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,200})", 2),
    _shape("Terraform token", (".atlasv1.",), rf"({_ALNUM}{{14}}\.atlasv1\.[\w=-]{{60,70}})", 14),
    Detector(
        SensitiveKind.SECRET,
        "Telegram token",
        (":AA",),
        re.compile(rf"(?<![0-9])([0-9]{{8,11}}:AA{_BASE}{{32,36}})(?!{_BASE})"),
        folded=False,
        back=12,
    ),
    Detector(
        SensitiveKind.SECRET,
        "Vault token",
        ("s.",),
        re.compile(_WORD + rf"(s\.{_ALNUM}{{24}})(?![A-Za-z0-9_.-])"),
        _is_mixed,
        folded=False,
    ),
    Detector(
        SensitiveKind.SECRET,
        PRIVATE_KEY,
        ("-----BEGIN ", "Private-Lines: "),
        re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: [0-9]{1,3})"),
        folded=False,
    ),
)
