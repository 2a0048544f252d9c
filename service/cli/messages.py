"""`mttx messages`: preview the messages about an incident, and check the receivers."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.output import print_json, print_line
from service.cli.params import config_option, incident_argument, output_option
from service.domain.incident_ids import incident_id_of
from service.printable import printable
from service.settings.model import Settings
from service.settings.sources import load

if TYPE_CHECKING:
    from service.clients.slack import Bot
    from service.delivery.preview import Preview


@click.group()
def messages() -> None:
    """Preview messages to Slack or a webhook, and check the configuration."""


@messages.command()
@config_option
@output_option
@incident_argument
@click.option(
    "--to", "target", type=click.Choice(["slack", "webhook"]), default="slack", show_default=True, help="The receiver."
)
@click.option("--language", type=click.Choice(["ja", "en"]), help="Default: messages.language.")
def preview(path: Path | None, output: str, incident_id: str, target: str, language: str | None) -> None:
    """Show the next messages about an incident and the reminders that are scheduled.

    Reads the database beside `mttx serve`. Nothing is sent, and no receiver needs to be configured.
    """
    from service.clients.errors import RequestFailed
    from service.delivery.message_builder import MessageBuilder
    from service.delivery.preview import preview
    from service.store import Store, StoreRefused, StoreUnavailable
    from service.wiring.messages import message_channels, message_templates

    settings = load(path, os.environ)
    channels = message_channels(target, settings)
    builder = MessageBuilder(message_templates(target, settings, language), settings.policy(), settings.public_url)
    number = incident_id_of(incident_id)
    try:
        store = Store.beside(settings.database, settings.policy())
    except StoreRefused as error:
        raise click.ClickException(str(error)) from error
    try:
        incident = store.outbox.incident(target, number)
        if incident is None:
            raise click.ClickException(f"there is no incident {incident_id}")
        messages = list(preview(incident, number, builder, channels, datetime.now(UTC)))
    except (StoreUnavailable, RequestFailed) as error:
        raise click.ClickException(str(error)) from error
    finally:
        store.close()
    if output == "json":
        shapes = [
            {
                "what": m.what,
                "at": m.at.isoformat() if m.at else None,
                "channel": _channel_of(m, target, settings),
                "text": m.text,
            }
            for m in messages
        ]
        print_json({"incident": incident_id, "messages": shapes})
        return
    for message in messages:
        at = message.at.astimezone(settings.display_timezone) if message.at else None
        channel = _channel_of(message, target, settings) if settings.slack.channels else None
        head = f"── {message.what}" + (f", {at:%Y-%m-%d %H:%M %Z}" if at else "")
        click.secho(head + (f", channel {channel}" if channel else ""), bold=True)
        click.echo(printable(message.text, lines=True) + "\n")


def _channel_of(message: "Preview", target: str, settings: Settings) -> str | None:
    return message.channel or (settings.slack.channel if target == "slack" else None)


@messages.command()
@config_option
@output_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Check each receiver, and of Slack the tokens and the channels; exit code 1 on a failure. Nothing is sent."""
    from service.wiring.delivery import receiver_names
    from service.wiring.messages import message_templates

    settings = load(path, os.environ)
    receivers = [target for target in receiver_names(settings) if target in ("slack", "webhook")]
    results = []
    for receiver in receivers:
        message_templates(receiver, settings)
        results += [{"receiver": receiver, **checked} for checked in _check(receiver, settings)]
    if output == "json":
        print_json({"receivers": results})
    else:
        for result in results:
            channel = f" channel {result['channel']}" if result["channel"] else ""
            print_line(f"{result['receiver']}{channel}: {result['detail']}")
        if not results:
            click.echo("No messages are sent: neither slack nor webhook is configured (docs/messages.md)")
    ctx.exit(0 if all(result["ok"] for result in results) else 1)


def _check(target: str, settings: Settings) -> list[dict[str, Any]]:
    from service.wiring.clients import slack_bot

    bot = slack_bot(settings.slack) if target == "slack" else None
    if bot is None:
        return [_result(None, lambda: "configured; only sending a message shows whether it is accepted")]
    try:
        results = [_result(None, lambda: f"authenticated as {bot.check()}")]
        if results[0]["ok"]:
            channels = settings.slack.channels.values()
            ids = dict.fromkeys(
                [settings.slack.channel or "", *(c for by_value in channels for c in by_value.values())]
            )
            results += [_result(channel, partial(_readable, bot, channel)) for channel in ids]
        return [*results, *_check_app(settings)]
    finally:
        bot.close()


def _check_app(settings: Settings) -> list[dict[str, Any]]:
    from service.wiring.clients import slack_app

    app = slack_app(settings.slack)
    if app is None:
        return []
    try:
        return [_result(None, app.check_socket_mode)]
    finally:
        app.close()


def _readable(bot: "Bot", channel: str) -> str:
    is_member = bot.check_channel(channel)
    return "the bot is a member" if is_member else "not checked; that takes the scope channels:history"


def _result(channel: str | None, check: Callable[[], str]) -> dict[str, Any]:
    from service.clients.errors import RequestFailed

    try:
        return {"channel": channel, "ok": True, "detail": check()}
    except RequestFailed as error:
        return {"channel": channel, "ok": False, "detail": str(error)}
