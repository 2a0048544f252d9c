"""The HTTP layer: parse, call one function, map to a status."""

from flask import Flask

from service.intake.sources import Source
from service.web import (
    api,
    edge,
    openapi,
    pages,
    probes,
    problems,
    slack,
    webhooks,
)
from service.web.pages import assets
from service.web.services import Services

__all__ = ["Services", "install"]


def install(app: Flask, services: Services) -> None:
    """Register every route, hook and error handler on the application. Only forms of pages answer with a redirect.

    Alertmanager follows a redirect with a GET (or not at all), so paths are accepted with or without a trailing slash,
    and double slashes are not normalized.
    """
    app.url_map.merge_slashes = False
    app.extensions["mttx.admission"] = edge.admission(services)
    on_the_api = api.blueprint(services)
    for extension in services.extensions:
        extension.add_routes(on_the_api, services)
    every_webhook = webhooks.webhooks_of(services)
    for blueprint in (
        edge.blueprint(services),
        problems.blueprint(services.counters, services.sources.profiles, pages.missing_page(services)),
        *(webhooks.blueprint(webhook, services) for webhook in every_webhook),
        on_the_api,
        probes.blueprint(services),
        pages.blueprint(services),
        assets.blueprint(),
        openapi.blueprint(
            every_webhook, [operation for extension in services.extensions for operation in extension.operations]
        ),
    ):
        app.register_blueprint(blueprint)
    if services.slack is not None and Source.SLACK in services.sources.signings:
        app.register_blueprint(slack.blueprint(services, services.slack))
