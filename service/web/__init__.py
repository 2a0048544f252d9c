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
from service.web.webhook_handler import WebhookHandler

__all__ = ["Services", "install"]


def install(app: Flask, services: Services) -> None:
    """Register every route, hook and error handler on the application. Only forms of pages answer with a redirect.

    Alertmanager follows a redirect with a GET (or not at all), so paths are accepted with or without a trailing slash,
    and double slashes are not normalized.
    """
    app.url_map.merge_slashes = False
    on_the_api = api.blueprint(services)
    for extension in services.extensions:
        extension.add_routes(on_the_api, services)
    routes, checks = webhooks.webhooks_of(services), edge.Edge(services)
    every_webhook = [webhooks.Webhook(route, services, checks) for route in routes]
    app.extensions["mttx.webhook_handler"] = WebhookHandler(every_webhook, services, checks)
    for blueprint in (
        edge.blueprint(services, checks),
        problems.blueprint(services.counters, services.sources.profiles, pages.missing_page(services)),
        *(webhooks.blueprint(webhook, services, checks) for webhook in every_webhook),
        on_the_api,
        probes.blueprint(services),
        pages.blueprint(services),
        assets.blueprint(),
        openapi.blueprint(
            routes, [operation for extension in services.extensions for operation in extension.operations]
        ),
    ):
        app.register_blueprint(blueprint)
    if services.slack is not None and Source.SLACK in services.sources.signings:
        app.register_blueprint(slack.blueprint(services, checks, services.slack))
