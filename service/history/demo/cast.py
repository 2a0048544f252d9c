"""What the demo's incidents are about: services, what goes wrong with them, and what teams write about it."""

from dataclasses import dataclass

from service.domain.policy import Domain, IncidentType, Severity

T, D, S = IncidentType, Domain, Severity


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong again and again: an alert of a service."""

    service: str
    alert: str
    summary: str
    types: tuple[IncidentType, ...]
    domains: tuple[Domain, ...]
    severities: tuple[Severity, ...]


TROUBLES: tuple[Trouble, ...] = (
    Trouble("checkout", "CheckoutErrors", "Orders fail with 5xx", (T.API, T.EXECUTION), (D.DO,), (S.SEV_1, S.SEV_2)),
    Trouble("checkout", "CheckoutSlow", "Orders take more than two seconds", (T.API,), (D.DO,), (S.SEV_3,)),
    Trouble("search", "SearchLatency", "Search answers late", (T.API,), (D.DO,), (S.SEV_3, S.SEV_4)),
    Trouble(
        "recommender", "ModelDrift", "Recommendations drift from the baseline", (T.MODEL,), (D.MODELS,), (S.SEV_3,)
    ),
    Trouble("recommender", "ModelRollout", "The new model answers empty lists", (T.MODEL,), (D.MODELS,), (S.SEV_2,)),
    Trouble("feature-store", "FeaturesStale", "Features are older than an hour", (T.DATA,), (D.PLAN,), (S.SEV_3,)),
    Trouble("ingest", "QueueGrows", "Events wait for more than ten minutes", (T.DATA,), (D.DO,), (S.SEV_3, S.SEV_4)),
    Trouble("ingest", "SchemaRejected", "A sender changed its schema", (T.DATA,), (D.CHECK,), (S.SEV_4,)),
    Trouble("scheduler", "JobsLate", "Nightly jobs start late", (T.ORCHESTRATION,), (D.ACT,), (S.SEV_3, S.SEV_4)),
    Trouble("agents", "ToolLoop", "Agents call the same tool in circles", (T.EXECUTION,), (D.ACT,), (S.SEV_2, S.SEV_3)),
    Trouble("gateway", "GatewayErrors", "A provider refuses requests", (T.API,), (D.DO,), (S.SEV_2, S.SEV_3)),
    Trouble("gateway", "CertificateExpires", "A certificate runs out", (T.SECURITY,), (D.SEC,), (S.SEV_4,)),
    Trouble("auth", "SignInFails", "Sign-ins fail", (T.SECURITY, T.API), (D.SEC,), (S.SEV_1, S.SEV_2)),
    Trouble("billing", "InvoicesStuck", "Invoices are not sent", (T.EXECUTION,), (D.DO,), (S.SEV_2, S.SEV_3)),
    Trouble("metrics", "ScrapesFail", "A tenth of all targets is down", (T.OBSERVABILITY,), (D.CHECK,), (S.SEV_4,)),
    Trouble("policy", "GuardrailOff", "A guardrail was switched off", (T.GOVERNANCE,), (D.SEC,), (S.SEV_2, S.SEV_3)),
)

ACTIONS: tuple[tuple[str, str], ...] = (
    ("Code", "Refuse what does not match the schema"),
    ("Code", "Give up after three calls of the same tool"),
    ("Config", "Roll out to one zone first"),
    ("Config", "Keep the last good model warm"),
    ("Observability", "Alert on the error rate of each tenant"),
    ("Observability", "Probe it from outside"),
    ("Process", "Write the steps of the rollback down"),
    ("Process", "Page the second line after ten minutes"),
)
NOTES = (
    "The rollback is under way",
    "A provider confirms an outage on its side",
    "Load was moved to the other zone",
    "Customers were told",
)
ROLES = ("on-call", "second line", "duty manager")
"""Who has a role in the demo: functions, for there are no people in it."""
