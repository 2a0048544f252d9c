"""What every group of keys has in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class SettingsSection(BaseModel):
    """A group of keys. `whole`: it is documented, and set from the environment, as one value."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    whole: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _take_an_empty_section_as_not_given(cls, given: Any) -> Any:
        """Drop what a file names without saying anything, such as a section whose every line is a comment."""
        if not isinstance(given, Mapping):
            return given
        sections = {f.alias or name for name, f in cls.model_fields.items() if is_section(f.annotation)}
        return {key: value for key, value in given.items() if value is not None or key not in sections}


def is_section(annotation: object) -> bool:
    """Say whether a field holds a group of keys."""
    return isinstance(annotation, type) and issubclass(annotation, SettingsSection)
