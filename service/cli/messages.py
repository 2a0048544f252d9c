"""`mttx messages`: preview the messages about an incident, and check the receivers."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.output import print_json, print_line
from service.cli.params import config_option, incident_argument, output_option
from service.domain.incident_ids import incident_id_of
from service.printable import printable
from service.settings.model import Settings
from service.settings.sources import load


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
    from service.wiring.messages import message_templates

    settings = load(path, os.environ)
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
        messages = list(preview(incident, number, builder, datetime.now(UTC)))
    except (StoreUnavailable, RequestFailed) as error:
        raise click.ClickException(str(error)) from error
    finally:
        store.close()
    if output == "json":
        shapes = [{"what": m.what, "at": m.at.isoformat() if m.at else None, "text": m.text} for m in messages]
        print_json({"incident": incident_id, "messages": shapes})
        return
    for message in messages:
        at = message.at.astimezone(settings.display_timezone) if message.at else None
        click.secho(f"── {message.what}" + (f", {at:%Y-%m-%d %H:%M %Z}" if at else ""), bold=True)
        click.echo(printable(message.text, lines=True) + "\n")


@messages.command()
@config_option
@output_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Check each receiver and Slack's bot token; exit code 1 on a failure. Nothing is sent."""
    from service.wiring.delivery import receiver_names
    from service.wiring.messages import message_templates

    settings = load(path, os.environ)
    receivers = [target for target in receiver_names(settings) if target in ("slack", "webhook")]
    results = []
    for receiver in receivers:
        message_templates(receiver, settings)
        detail, ok = _check(receiver, settings)
        results.append({"receiver": receiver, "ok": ok, "detail": detail})
    if output == "json":
        print_json({"receivers": results})
    else:
        for result in results:
            print_line(f"{result['receiver']}: {result['detail']}")
        if not results:
            click.echo("No messages are sent: neither slack nor webhook is configured (docs/messages.md)")
    ctx.exit(0 if all(result["ok"] for result in results) else 1)


def _check(target: str, settings: Settings) -> tuple[str, bool]:
    from service.clients.errors import RequestFailed
    from service.wiring.clients import slack_bot

    bot = slack_bot(settings.slack) if target == "slack" else None
    if bot is None:
        return "configured; only sending a message shows whether it is accepted", True
    try:
        return f"authenticated as {bot.check()}", True
    except RequestFailed as error:
        return str(error), False
    finally:
        bot.close()
