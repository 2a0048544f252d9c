"""`mttx report`: the report of a month, for the review that people hand it on to."""

from pathlib import Path
from typing import Any

import click

from service.cli.client import connect
from service.cli.params import label_option
from service.domain.periods import MONTH_PATTERN


def _month(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not MONTH_PATTERN.fullmatch(value):
        raise click.BadParameter(f"{value!r} should be a month such as 2026-10")
    return value


@click.command()
@click.option("--month", metavar="YYYY-MM", callback=_month, help="Default: the last month that is over.")
@click.option("--team", help="Only incidents of this team; short for `--label team=TEAM`.")
@label_option("Only incidents with this value of a dimension; for several dimensions.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["md", "html", "csv", "json"]),
    default="md",
    show_default=True,
    help="html: one self-contained file; csv: one incident a line.",
)
@click.option("--lang", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="Of md and html.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: print it.")
def report(month: str | None, team: str | None, format_: str, lang: str, **more: Any) -> None:
    """Print the report of a month: its numbers and what they lack, its incidents, and what is owed for them.

    The month is that of the service's display time zone. Talks to the service at MTTX_URL (default
    http://127.0.0.1:9877), with the token in MTTX_TOKEN or MTTX_TOKEN_FILE.
    """
    labels: tuple[tuple[str, str], ...] = more["labels"]
    output: Path | None = more["output"]
    dimensions = {**dict(labels), **({} if team is None else {"team": team})}
    query = {**dimensions, "format": format_, "lang": lang, "file": "yes"}
    text = connect().text(f"/reports/{month}" if month else "/reports", query)
    if output is None:
        click.echo(text.lstrip("\ufeff"), nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error}") from error
