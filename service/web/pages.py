"""What a person sees who opens the service in a browser: a page with links. It shows nothing of any incident."""

import hashlib
from base64 import b64encode
from html import escape

from flask import Blueprint, Response

from service import __version__
from service.web.parts import Parts

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}"
    "dt{font-weight:600;margin-top:1rem}dd{margin:0}"
)
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LINKS = (
    ("/api/v1/incidents", "Incidents", "All incidents, newest first, as JSON"),
    ("/api/v1/incidents?open=true", "Open incidents", "Those that somebody still has to do something about"),
    ("/api/v1/indicators?window=30d", "Indicators", "Times to detect, acknowledge, mitigate and resolve, last 30 days"),
    ("/metrics", "Metrics", "For Prometheus to scrape"),
    ("/openapi.json", "API description", "Every endpoint, as OpenAPI 3.1"),
    ("/-/ready", "Readiness", "Whether events can be taken in now"),
)


def blueprint(parts: Parts) -> Blueprint:
    """Return the landing page."""
    bp = Blueprint("pages", __name__)
    page = _landing(parts.zone.key)

    @bp.get("/")
    def landing() -> Response:
        headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
        return Response(page, headers=headers, mimetype="text/html")

    return bp


def _landing(zone: str) -> str:
    links = "".join(
        f'<dt><a href="{escape(path)}">{escape(name)}</a></dt><dd>{escape(about)}</dd>' for path, name, about in _LINKS
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>mttx-exporter</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        "<body><main><h1>mttx-exporter</h1>"
        "<p>Measures how incidents are handled, from the alerts that a team already has.</p>"
        f"<dl>{links}</dl>"
        f"<p>Version {escape(__version__)}. Times for people are shown in {escape(zone)}.</p>"
        "</main></body></html>\n"
    )
