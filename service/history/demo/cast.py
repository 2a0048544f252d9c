"""Content of the demo's incidents: services, their problems, and the actions and notes of their teams."""

from dataclasses import dataclass

from service.domain.policy import Domain, IncidentType, Severity

T, D, S = IncidentType, Domain, Severity


@dataclass(frozen=True, slots=True)
class Trouble:
    """A recurring problem: an alert of a service."""

    service: str
    alert: str
    summary: str
    types: tuple[IncidentType, ...]
    domains: tuple[Domain, ...]
    severities: tuple[Severity, ...]

    @property
    def labels(self) -> dict[str, str]:
        """Its service, and the team of that if it has one."""
        team = TEAMS.get(self.service)
        return {"service": self.service} | ({"team": team} if team else {})


TROUBLES: tuple[Trouble, ...] = (
    Trouble("checkout", "CheckoutErrors", "Orders fail with 5xx", (T.API, T.EXECUTION), (D.DO,), (S.SEV_1, S.SEV_2)),
    Trouble("checkout", "CheckoutSlow", "Orders take more than two seconds", (T.API,), (D.DO,), (S.SEV_3,)),
    Trouble("search", "SearchLatency", "Search is slow", (T.API,), (D.DO,), (S.SEV_3, S.SEV_4)),
    Trouble(
        "recommender", "ModelDrift", "Recommendations drift from the baseline", (T.MODEL,), (D.MODELS,), (S.SEV_3,)
    ),
    Trouble("recommender", "ModelRollout", "The new model returns empty lists", (T.MODEL,), (D.MODELS,), (S.SEV_2,)),
    Trouble("feature-store", "FeaturesStale", "Features are more than an hour old", (T.DATA,), (D.PLAN,), (S.SEV_3,)),
    Trouble("ingest", "QueueGrows", "Events wait for more than ten minutes", (T.DATA,), (D.DO,), (S.SEV_3, S.SEV_4)),
    Trouble("ingest", "SchemaRejected", "A sender changed its schema", (T.DATA,), (D.CHECK,), (S.SEV_4,)),
    Trouble("scheduler", "JobsLate", "Nightly jobs start late", (T.ORCHESTRATION,), (D.ACT,), (S.SEV_3, S.SEV_4)),
    Trouble("agents", "ToolLoop", "Agents call the same tool in a loop", (T.EXECUTION,), (D.ACT,), (S.SEV_2, S.SEV_3)),
    Trouble("gateway", "GatewayErrors", "A provider rejects requests", (T.API,), (D.DO,), (S.SEV_2, S.SEV_3)),
    Trouble("gateway", "CertificateExpires", "A certificate is about to expire", (T.SECURITY,), (D.SEC,), (S.SEV_4,)),
    Trouble("auth", "SignInFails", "Sign-ins fail", (T.SECURITY, T.API), (D.SEC,), (S.SEV_1, S.SEV_2)),
    Trouble("billing", "InvoicesStuck", "Invoices are not sent", (T.EXECUTION,), (D.DO,), (S.SEV_2, S.SEV_3)),
    Trouble("metrics", "ScrapesFail", "A tenth of all targets is down", (T.OBSERVABILITY,), (D.CHECK,), (S.SEV_4,)),
    Trouble("policy", "GuardrailOff", "A guardrail was disabled", (T.GOVERNANCE,), (D.SEC,), (S.SEV_2, S.SEV_3)),
)

TEAMS = {
    "checkout": "payments",
    "billing": "payments",
    "search": "discovery",
    "recommender": "discovery",
    "feature-store": "data",
    "ingest": "data",
    "scheduler": "platform",
    "gateway": "platform",
    "auth": "platform",
    "agents": "agents",
    "policy": "agents",
}
"""The team of each service; one has none."""

ACTIONS: tuple[tuple[str, str], ...] = (
    ("Code", "Reject events that do not match the schema"),
    ("Code", "Stop after three calls to the same tool"),
    ("Config", "Roll out to one zone first"),
    ("Config", "Keep the last good model warm"),
    ("Observability", "Alert on the error rate of each tenant"),
    ("Observability", "Probe the service from outside"),
    ("Process", "Document the rollback steps"),
    ("Process", "Page the second line after ten minutes"),
)
NOTES = (
    "Rollback in progress",
    "The provider confirms an outage",
    "Traffic moved to the other zone",
    "Customers informed",
)
ROLES = ("on-call", "second line", "duty manager")
"""Holders of roles in the demo: functions, since it has no people."""
