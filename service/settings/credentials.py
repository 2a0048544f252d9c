"""Credentials that are configured as text, or as a file that is read whenever the credential is used."""

from pathlib import Path

from pydantic import SecretStr

from service.settings.files import read_text
from service.settings.section import SettingsSection, problem_at


def require_at_most_one(section: SettingsSection, *keys: str) -> None:
    """Raise the error of a validator if several of the keys are set."""
    present = [key for key in keys if getattr(section, key) is not None]
    if len(present) > 1:
        raise problem_at(present[1], f"is set together with {present[0]}; set only one of them")


def read_credential(text: SecretStr | None, file: Path | None) -> str | None:
    """Return a credential, None if there is none. Raises OSError if its file cannot be read."""
    if file is not None:
        return read_text(file).strip()
    return text.get_secret_value().strip() if text is not None else None
