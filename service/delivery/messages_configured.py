"""From the configuration to a chat, its templates and its messages."""

from importlib.resources import files

from service.clients import slack
from service.clients.chat import Chat
from service.clients.json_sender import JsonSender
from service.clients.slack import Bot, IncomingWebhook
from service.clients.webhook import Webhook
from service.delivery.message_builder import MessageBuilder
from service.delivery.messages import MessageReceiver
from service.delivery.review import ReviewMessages
from service.domain.policy import Policy, Severity, WeeklyReview
from service.render.messages import PARTS, Markup, MessageTemplates
from service.render.templating import BadTemplate
from service.settings import Problem, Settings, SettingsError
from service.settings.files import read_text
from service.store import Store

SLACK = "slack"
WEBHOOK = "webhook"
_MARKUPS = {
    SLACK: Markup(slack.escape, slack.link),
    WEBHOOK: Markup(lambda text: text, lambda name, url: f"{name} {url}"),
}


def message_receiver(
    name: str, settings: Settings, store: Store, policy: Policy
) -> tuple[MessageReceiver, ReviewMessages]:
    """Return the receiver `SLACK` or `WEBHOOK`, and its messages for the weekly review. Raises SettingsError."""
    templates = templates_of(name, settings)
    messages = settings.messages
    meets = WeeklyReview(settings.review_weekday, settings.weekly_review.time, settings.review_zone)
    review = ReviewMessages(
        templates, store, meets if messages.weekly_review else None, messages.review_lead, settings.public_url
    )
    severities = frozenset(Severity(severity) for severity in messages.severities)
    builder = MessageBuilder(templates, policy, settings.public_url)
    return MessageReceiver(name, _chat(name, settings), builder, review, severities), review


def templates_of(name: str, settings: Settings, language: str | None = None) -> MessageTemplates:
    """Return the templates of a receiver. Raises SettingsError for faulty templates of the team."""
    messages = settings.messages
    sources = {part: _template(settings, part, language or messages.language) for part in PARTS}
    try:
        return MessageTemplates(sources, settings.display_timezone, _MARKUPS[name])
    except BadTemplate as error:
        raise SettingsError([Problem("messages.templates", str(error), str(messages.templates))]) from error


def _template(settings: Settings, part: str, language: str) -> str:
    folder = settings.messages.templates
    if folder is not None and not folder.is_dir():
        raise SettingsError([Problem("messages.templates", "should be a folder", str(folder))])
    try:
        if folder is not None and (own := folder / f"{part}.txt.j2").exists():
            return read_text(own)
    except (OSError, ValueError) as error:
        raise SettingsError([Problem("messages.templates", f"{part}.txt.j2 cannot be read", str(folder))]) from error
    return files("service.render").joinpath("templates", f"message-{part}.{language}.txt.j2").read_text("utf-8")


def _chat(name: str, settings: Settings) -> Chat:
    if name == WEBHOOK:
        hook = settings.webhook
        sender = JsonSender(timeout=hook.timeout, ca_file=hook.tls_ca_file)
        return Webhook(sender, hook.read_url, hook.token_reader)
    sender = JsonSender(timeout=settings.slack.timeout)
    if settings.slack.has_bot:
        return Bot(sender, settings.slack.api_url, settings.slack.read_token, settings.slack.channel or "")
    return IncomingWebhook(sender, settings.slack.read_webhook_url)
