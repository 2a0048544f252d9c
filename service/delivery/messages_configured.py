"""From the configuration to a chat, its words, and what is said there."""

from importlib.resources import files

from service.clients import slack
from service.clients.chat import Chat
from service.clients.json_sender import JsonSender
from service.clients.slack import Bot, IncomingWebhook
from service.clients.webhook import Webhook
from service.delivery.messages import MessageTarget
from service.delivery.review import Boards, Review
from service.delivery.speech import Speech
from service.domain.policy import Policy, Severity, WeeklyReview
from service.render.filling import BadTemplate
from service.render.messages import PARTS, Dialect, Voice
from service.settings import Problem, Settings, SettingsError
from service.settings.files import read_text

SLACK = "slack"
WEBHOOK = "webhook"
_DIALECTS = {
    SLACK: Dialect(slack.escape, slack.link),
    WEBHOOK: Dialect(lambda text: text, lambda name, url: f"{name} {url}"),
}


def message_target(name: str, settings: Settings, boards: Boards, policy: Policy) -> tuple[MessageTarget, Review]:
    """Return what is said in `SLACK` or to `WEBHOOK`, and the list for the weekly review. Raises SettingsError."""
    voice = voice_of(name, settings)
    wanted = settings.messages
    meets = WeeklyReview(settings.review_weekday, settings.weekly_review.time, settings.review_zone)
    review = Review(voice, boards, meets if wanted.weekly_review else None, wanted.review_lead, settings.public_url)
    severities = frozenset(Severity(severity) for severity in wanted.severities)
    speech = Speech(voice, policy, settings.public_url)
    return MessageTarget(name, _chat(name, settings), speech, review, severities), review


def voice_of(name: str, settings: Settings, language: str | None = None) -> Voice:
    """Return how messages are written there. Raises SettingsError for templates of the team's that are none."""
    wanted = settings.messages
    templates = {part: _template(settings, part, language or wanted.language) for part in PARTS}
    try:
        return Voice(templates, settings.display_timezone, _DIALECTS[name])
    except BadTemplate as error:
        raise SettingsError([Problem("messages.templates", str(error), str(wanted.templates))]) from error


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
