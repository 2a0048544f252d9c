"""`mttx messages`: what is said of an incident and when, and whether we are let in where it is said."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.config import config_option
from service.cli.incident import IncidentId
from service.cli.output import print_json, print_line
from service.printable import printable
from service.settings import Settings, load

output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: for scripts."
)


@click.group()
def messages() -> None:
    """See what is said in Slack, or to another system, before anybody else does."""


@messages.command()
@config_option
@output_option
@click.argument("incident_id", type=IncidentId(), metavar="INC-N")
@click.option(
    "--to", "target", type=click.Choice(["slack", "webhook"]), default="slack", show_default=True, help="Where to."
)
@click.option("--language", type=click.Choice(["ja", "en"]), help="Instead of messages.language.")
def preview(path: Path | None, output: str, incident_id: str, target: str, language: str | None) -> None:
    """Show the message about an incident as it stands, what comes next, and the reminders that are set.

    Reads the database beside `mttx serve`; nothing is sent, whether or not anything is configured.
    """
    from service.app import policy_of
    from service.clients.delivery import DeliveryError
    from service.delivery.messages_configured import voice_of
    from service.delivery.preview import preview
    from service.delivery.speech import Speech
    from service.store import Store, StoreRefused, StoreUnavailable

    settings = load(path, os.environ)
    speech = Speech(voice_of(target, settings, language), policy_of(settings), settings.public_url)
    number = int(incident_id.removeprefix("INC-"))
    try:
        store = Store.beside(settings.database, policy_of(settings))
    except StoreRefused as error:
        raise click.ClickException(str(error)) from error
    try:
        story = store.outbox.story(target, number)
        if story is None:
            raise click.ClickException(f"there is no incident {incident_id}")
        found = list(preview(story, number, speech, datetime.now(UTC)))
    except (StoreUnavailable, DeliveryError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        store.close()
    if output == "json":
        told = [{"what": one.what, "at": one.at.isoformat() if one.at else None, "text": one.text} for one in found]
        print_json({"incident": incident_id, "messages": told})
        return
    for one in found:
        when = one.at.astimezone(settings.display_timezone) if one.at else None
        click.secho(f"── {one.what}" + (f", {when:%Y-%m-%d %H:%M %Z}" if when else ""), bold=True)
        click.echo(printable(one.text, lines=True) + "\n")


@messages.command()
@config_option
@click.pass_context
def check(ctx: click.Context, path: Path | None) -> None:
    """Say where messages go, and whether Slack lets the bot in; exit code 1 if something is wrong. Nothing is said."""
    from service.delivery.configured import targets_of
    from service.delivery.messages_configured import voice_of

    settings = load(path, os.environ)
    told = [target for target in targets_of(settings) if target in ("slack", "webhook")]
    for target in told:
        voice_of(target, settings)
        line, fine = _checked(target, settings)
        print_line(f"{target}: {line}")
        if not fine:
            ctx.exit(1)
    if not told:
        click.echo("nothing is sent: neither slack nor webhook is configured (docs/messages.md)")


def _checked(target: str, settings: Settings) -> tuple[str, bool]:
    from service.clients.delivery import DeliveryError
    from service.clients.json_sender import JsonSender
    from service.clients.slack import Bot

    slack = settings.slack
    if target != "slack" or not slack.has_bot:
        return "is configured; only a message can tell whether it is taken", True
    bot = Bot(JsonSender(timeout=slack.timeout), slack.api_url, slack.read_token, slack.channel or "")
    try:
        return f"lets us in as {bot.check()}", True
    except DeliveryError as error:
        return str(error), False
    finally:
        bot.close()
