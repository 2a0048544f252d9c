"""What a notification takes up on disk, on both engines: the arithmetic of docs/scaling.md starts from it."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.cluster import durable_cluster
from benchmarks.load import burst
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section
from benchmarks.servers import running

MIXES = {"storm": "of a new group, one alert", "mixed": "in the life of a group, two to four alerts"}
_SIZES = {
    "sqlite": "SELECT name, sum(pgsize) FROM dbstat('main', 1) GROUP BY name",
    "postgresql": "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables",
}
_SECONDS = 5


def measure(plan: Plan) -> list[Section]:
    """Take in some thousand notifications and see what became of the tables and indexes."""
    folder = plan.folder / "size"
    folder.mkdir()
    lines = []
    with ExitStack() as stack:
        cluster = stack.enter_context(durable_cluster(plan.folder.parent))
        for mix, about in MIXES.items():
            for engine in _SIZES:
                url = f"sqlite:///{folder / mix}.db" if engine == "sqlite" else cluster.new_database()
                bodies, rest = _per_notification(url, engine, folder / f"{mix}-{engine}", mix, plan)
                lines.append(Line(f"bytes {about}, {engine}", Figure([rest])))
                lines.append(Line("  its raw body, until retention.raw", Figure([bodies])))
    return [Section("on disk for each notification", lines)]


def _per_notification(url: str, engine: str, log: Path, mix: str, plan: Plan) -> tuple[float, float]:
    """Return the bytes of the raw body, and of all else, indexes included."""
    with running("ours", log, url) as server:
        before = _sizes(url, engine)
        told = burst(server.webhook_url, 64, plan.burst_seconds * _SECONDS, mix)
        server.settle()
    grown = {name: size - before.get(name, 0) for name, size in _sizes(url, engine).items()}
    bodies = sum(size for name, size in grown.items() if "deliveries" in name)
    return bodies / told.accepted, (sum(grown.values()) - bodies) / told.accepted


def _sizes(url: str, engine: str) -> Mapping[str, int]:
    made = create_engine(url)
    try:
        with made.connect() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(text(_SIZES[engine]))}
    finally:
        made.dispose()
