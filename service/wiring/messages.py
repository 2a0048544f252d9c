"""The templates of the messages: the bundled ones, or the team's own."""

from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from service.clients import slack
from service.delivery.channels import OWN, Channels
from service.render.chat_texts import CHAT_TEXTS, ChatTexts
from service.render.messages import PARTS, Markup, MessageTemplates
from service.render.templating import BadTemplate
from service.settings.errors import Problem, SettingsError
from service.settings.files import read_text
from service.settings.model import Settings

SLACK = "slack"
WEBHOOK = "webhook"
_MARKUPS = {
    SLACK: Markup(slack.escape, slack.link),
    WEBHOOK: Markup(lambda text: text, lambda name, url: f"{name} {url}"),
}


def message_templates(receiver: str, settings: Settings, language: str | None = None) -> MessageTemplates:
    """Return the templates of `SLACK` or `WEBHOOK`. Raises SettingsError for faulty templates of the team."""
    messages = settings.messages
    sources = tuple(_template(settings, part, language or messages.language) for part in PARTS)
    try:
        return _compiled(sources, settings.display_timezone, receiver)
    except BadTemplate as error:
        raise SettingsError([Problem("messages.templates", str(error), str(messages.templates))]) from error


@lru_cache(maxsize=4)
def _compiled(sources: tuple[str, ...], zone: ZoneInfo, receiver: str) -> MessageTemplates:
    """Compile the templates once for everything that writes messages. Raises `BadTemplate`."""
    return MessageTemplates(dict(zip(PARTS, sources, strict=True)), zone, _MARKUPS[receiver])


def chat_texts(settings: Settings) -> ChatTexts | None:
    """Return the texts of the buttons in Slack, None without buttons."""
    return CHAT_TEXTS[settings.messages.language] if settings.slack.has_buttons else None


def message_channels(receiver: str, settings: Settings) -> Channels:
    """Return the channels of messages to `SLACK`; `WEBHOOK` has none."""
    keys = settings.slack
    if receiver != SLACK:
        return Channels()
    labels = [dimension.label for dimension in settings.breakdown if dimension.label in keys.channels]
    return Channels(
        [
            (label, {value: OWN if c == keys.channel else c for value, c in keys.channels[label].items()})
            for label in labels
        ]
    )


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
