"""What documents are held to, as far as the configuration of whoever runs the command says."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from service.domain.policy import DueRule, Severity, Stage, WeeklyReview
from service.postmortems.catalogue import BY_ID
from service.postmortems.context import LintContext
from service.postmortems.topics import Topic
from service.settings import Settings


def context_of(settings: Settings, disabled: Iterable[str] = (), changed: frozenset[str] | None = None) -> LintContext:
    """Return the terms as of now."""
    off = frozenset({*settings.postmortems.disabled_rules, *disabled})
    unknown = sorted(off - BY_ID.keys())
    if unknown:
        raise click.UsageError(f"there is no rule {', '.join(unknown)}; docs/lint/ has them all")
    return LintContext(
        zone=settings.display_timezone,
        deadlines=deadlines_of(settings),
        documents=settings.postmortems.documents,
        disabled=off,
        now=datetime.now(UTC),
        changed=changed,
        words={Topic(name): words for name, words in settings.postmortems.words.items()},
    )


def deadlines_of(settings: Settings) -> dict[Severity, dict[Stage, DueRule]]:
    """Return when each stage is due."""
    review = WeeklyReview(settings.review_weekday, settings.weekly_review.time, settings.review_zone)
    return {
        Severity(severity): {
            stage: rule if isinstance(rule, timedelta) else review
            for stage, rule in ((Stage.DRAFT, stages.draft), (Stage.FINAL, stages.final))
            if rule is not None
        }
        for severity, stages in settings.deadlines.by_severity().items()
    }


def documents_in(paths: Iterable[Path], *, allow_empty: bool) -> list[Path]:
    """Return the files, and of folders every PM-*.md in them, each once. Raises UsageError if there is none."""
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(sorted(path.rglob("PM-*.md")) if path.is_dir() else [path]))
    if not found and not allow_empty:
        folders = ", ".join(str(path) for path in paths)
        raise click.UsageError(f"there is no PM-*.md in {folders}; --allow-empty accepts that")
    return list(found)
