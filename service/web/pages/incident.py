"""One incident and its forms. An invalid form is shown again with its input and the reasons."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, Response, current_app

from service.domain.breakdown import NO_VALUE
from service.domain.clocks import due_next
from service.domain.done import definition_of_done
from service.domain.events import Event, Role
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.indicators import measure
from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Policy, Severity
from service.domain.warnings import OrderWarning, order_warnings
from service.recorder.commands import AppendEvent, Refused, UnknownIncident
from service.render.lifeline import LEFT, RIGHT, lifeline
from service.settings.tokens import Token
from service.web.edge import attributed, received
from service.web.lookup import incident_history, incident_number
from service.web.pages import forms, times
from service.web.pages.csrf import CsrfTokens
from service.web.pages.forms import CORRECTABLE, FORMS, Form, InvalidInput
from service.web.pages.postmortems import missing_of
from service.web.pages.renderer import HEADERS, PageRenderer, address
from service.web.pages.story import part_of, story, web_link
from service.web.pages.words import chosen
from service.web.postmortems import status
from service.web.schemas import merge_target
from service.web.services import Services

_MAX_FIELDS = 20


class IncidentForms:
    """Answers one request about one incident, made with `token`."""

    def __init__(
        self, services: Services, renderer: PageRenderer, csrf_tokens: CsrfTokens, request: Request, token: Token | None
    ) -> None:
        self._services = services
        self._renderer = renderer
        self._csrf_tokens = csrf_tokens
        self._request = request
        self._token = token
        self._now = services.clock()

    def show(self, incident_id: str) -> Response:
        """Return the page of the incident."""
        number, history = self._find(incident_id)
        recorded = self._request.args.get("said", "")
        content = _incident_context(history, number, self._services, self._now)
        content["story"] = part_of(story(history, self._services.policy), self._until("entries"))
        content["alerts"] = part_of(history.episodes, self._until("alerts"))
        content |= {"said": recorded if recorded in FORMS else None, **self._form_context(number, history)}
        return self._renderer.render(self._request, "incident", self._now, **content)

    def _until(self, name: str) -> int | None:
        """Return where the requested part of a list ends; None: the last part."""
        return self._request.args.get(name, type=int)

    def show_form(self, incident_id: str, action: str) -> Response:
        """Return the page of one form."""
        number, history = self._find(incident_id)
        return self._form_page(number, history, _form(action), {}, status=200)

    def submit(self, incident_id: str, action: str) -> Response:
        """Record the event of a form and redirect to the incident, or show the form again."""
        fields = _form_fields(received(self._request, self._services))
        number, history = self._find(incident_id)
        form, seen = _form(action), fields.get("seen", "")
        if not self._csrf_tokens.is_valid(fields.get("seal", ""), self._token, _path(number, form), seen):
            return self._form_page(number, history, form, fields, status=403, trouble="trouble.expired")
        later_events = None if form.ignores_changes else forms.events_since(history, seen)
        if later_events is not None or not form.offered(history.incident):
            return self._form_page(
                number, history, form, fields, status=409, trouble="trouble.stale", later_events=later_events or ()
            )
        try:
            event = attributed(forms.event_of(form, number, fields, self._services.events, self._now))
            warnings = [] if fields.get("sure") else forms.new_warnings(history, event, self._services.policy)
            if warnings:
                trouble = "trouble.impossible"
                return self._form_page(number, history, form, fields, status=422, trouble=trouble, warnings=warnings)
            self._services.recorder.submit(AppendEvent(number, event))
        except InvalidInput as error:
            wrong: dict[str, Any] = {"problems": error.problems, "detail": error.detail}
            return self._form_page(number, history, form, fields, status=422, trouble="trouble.mistyped", **wrong)
        except UnknownIncident:
            raise
        except Refused as error:
            return self._form_page(
                number, history, form, fields, status=409, trouble="trouble.refused", detail=str(error)
            )
        where = address(f"/incidents/{public_id(number)}", chosen(self._request), {"said": form.action})
        return Response(status=303, headers={**HEADERS, "Location": where})

    def _find(self, incident_id: str) -> tuple[int, IncidentHistory]:
        number = incident_number(incident_id)
        return number, incident_history(self._services, number)

    def _form_page(
        self,
        number: int,
        history: IncidentHistory,
        form: Form,
        fields: Mapping[str, str],
        *,
        status: int,
        trouble: str | None = None,
        detail: str = "",
        problems: Mapping[str, str] | None = None,
        warnings: Sequence[OrderWarning] = (),
        later_events: tuple[Event, ...] = (),
    ) -> Response:
        later = {event.event_id for event in later_events}
        return self._renderer.render(
            self._request,
            "action",
            self._now,
            status,
            incident=history.incident,
            form=form,
            fields=fields,
            trouble=trouble,
            detail=detail,
            problems=problems or {},
            warnings=warnings,
            later_events=[entry for entry in story(history, self._services.policy) if entry.event_id in later],
            **self._form_context(number, history),
        )

    def _form_context(self, number: int, history: IncidentHistory) -> dict[str, Any]:
        seen, milestones = forms.state_shown(history), history.incident.milestones
        writes = self._token is None or "write" in self._token.scopes
        return {
            "id": public_id(number),
            "seen": seen,
            "csrf_tokens": {
                name: self._csrf_tokens.issue(self._token, _path(number, form), seen) for name, form in FORMS.items()
            },
            "offered": {name: form for name, form in FORMS.items() if writes and form.offered(history.incident)},
            "may_write": writes,
            "may_collect": "api.collect_evidence" in current_app.view_functions,
            "severities": [severity.value for severity in Severity],
            "roles": [role.value for role in Role],
            "types": [kind.value for kind in IncidentType if kind not in history.incident.types],
            "domains": [domain.value for domain in Domain if domain not in history.incident.domains],
            "dimensions": [
                (dimension.label, history.incident.dimensions.get(dimension.label, NO_VALUE))
                for dimension in self._services.policy.breakdown
            ],
            "correctable": [(m.value, milestones[m]) for m in CORRECTABLE if m in milestones],
            "retractable": forms.retractable(history),
            "start_unknown": Milestone.STARTED not in milestones,
        }


def _form(action: str) -> Form:
    form = FORMS.get(action)
    if form is None:
        raise UnknownIncident("There is no such form.")
    return form


def _path(number: int, form: Form) -> str:
    return f"/incidents/{public_id(number)}/{form.action}"


def _form_fields(body: bytes) -> dict[str, str]:
    """Parse a form; of a repeated field the last value counts."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return {}


def _incident_context(history: IncidentHistory, number: int, services: Services, now: datetime) -> dict[str, Any]:
    incident, policy = history.incident, services.policy
    measured = measure(incident, policy).intervals
    targets = {i: target for i in Indicator if (target := _target(policy, i, incident.severity))}
    last_update_at = history.last_update_at(number)
    postmortem = status(history, policy, now)
    return {
        "incident": incident,
        "history": history,
        "merged_into": merge_target(history, number),
        "merged_ids": [public_id(number) for number in sorted(history.opened_at) if number != history.id],
        "stale": incident.stale_at is not None and incident.stale_at < now,
        "due": due_next(incident.milestones, incident.due, incident.severity, policy, last_update_at)
        if incident.is_open
        else (),
        "milestones": [(milestone.value, incident.milestones.get(milestone)) for milestone in Milestone],
        "intervals": [(i.value, interval, targets.get(i)) for i, interval in measured.items()],
        "budgets": history.incident.error_budgets,
        "warnings": order_warnings(incident, policy),
        "picture": lifeline(
            incident.milestones,
            {i: target.limit for i, target in targets.items()},
            [(episode.name, episode.starts_at, episode.ends_at) for episode in history.episodes[:8]],
            policy.resolve_from,
            now if incident.is_open else None,
            zone=services.zone,
        ),
        "left": LEFT,
        "right": RIGHT,
        "clock": lambda at, dated: times.clock(at, services.zone, dated=dated),
        "is_one_day": lambda begin, end: times.is_one_day(begin, end, services.zone),
        "checks": definition_of_done(incident, now),
        "missing": missing_of(incident, now),
        "document": postmortem.document,
        "document_link": web_link(postmortem.document),
        "grafana": services.grafana_url
        and f"{services.grafana_url}/d/mttx-timeline?var-incident={public_id(incident.id)}",
    }


def _target(policy: Policy, indicator: Indicator, severity: Severity) -> Any:
    return policy.target(indicator, severity) or policy.target(indicator, None)
