"""HTTP at the edge: parse, call one function, map to a status."""

from flask import Flask

from service.web import (
    alertmanager_events,
    api,
    edge,
    openapi,
    pagerduty,
    pages,
    probes,
    problems,
    webhooks,
)
from service.web.pages import assets
from service.web.parts import Parts

__all__ = ["Parts", "install"]


def install(app: Flask, parts: Parts) -> None:
    """Put every route, hook and error handler on the application. Only a form of a page is answered with a redirect.

    Alertmanager follows a redirect with a GET (or not at all), so that paths are taken with or without a slash at the
    end, and double slashes are not tidied up.
    """
    app.url_map.merge_slashes = False
    app.extensions["mttx.admission"] = edge.admission(parts)
    on_the_api = api.blueprint(parts)
    for extension in parts.extensions:
        extension.add_routes(on_the_api, parts)
    for blueprint in (
        edge.blueprint(parts),
        problems.blueprint(parts.counters),
        webhooks.alertmanager_blueprint(parts),
        webhooks.grafana_blueprint(parts),
        webhooks.lifecycle_blueprint(parts),
        pagerduty.blueprint(parts),
        alertmanager_events.blueprint(parts),
        on_the_api,
        probes.blueprint(parts),
        pages.blueprint(parts),
        assets.blueprint(),
        openapi.blueprint([operation for extension in parts.extensions for operation in extension.operations]),
    ):
        app.register_blueprint(blueprint)
