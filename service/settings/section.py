"""The base class of all sections of the configuration, and the error of their validators."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class SettingsSection(BaseModel):
    """A section. `whole`: documented, and set from the environment, as one value."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    whole: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_sections(cls, value: Any) -> Any:
        """Drop sections without content, such as one whose lines are all commented out."""
        if not isinstance(value, Mapping):
            return value
        sections = {f.alias or name for name, f in cls.model_fields.items() if is_section(f.annotation)}
        return {key: section for key, section in value.items() if section is not None or key not in sections}


def is_section(annotation: object) -> bool:
    """Return whether a field holds a section."""
    return isinstance(annotation, type) and issubclass(annotation, SettingsSection)


def problem_at(key: str, advice: str, value: object = None) -> PydanticCustomError:
    """Return the error of a validator about a key below what it validates; `value` None: it is not shown."""
    return PydanticCustomError("mttx_key", advice, {"key": key, "value": value})
