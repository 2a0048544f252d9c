"""Durable webhooks: ours against a route of Flask that keeps nothing, and against variants of ours."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.load import Burst, burst
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from benchmarks.servers import COMMANDS, Server, running

Bursts = dict[str, list[Burst]]


def measure(plan: Plan) -> list[Section]:
    """Run all storms on servers that are started once."""
    with ExitStack() as stack:
        folder = plan.folder / "storm"
        folder.mkdir()
        servers = {kind: stack.enter_context(running(kind, folder / f"{kind}.db")) for kind in COMMANDS}
        for server in servers.values():
            burst(server.webhook_url, 8, plan.burst_seconds)
            server.settle()
        few = rounds(plan, servers, 8)
        many = rounds(plan, servers, 64)
        mixed = rounds(plan, {kind: servers[kind] for kind in ("ours", "no-store")}, 8, "mixed")
        _check_durable([*few["ours"], *many["ours"]], folder / "ours.db")
    return [
        Section("alert storm, 8 connections", [*_throughput(few), *_latency(few, targets=True)]),
        Section("alert storm, 64 connections", [*_throughput(many), *_latency(many, targets=False)]),
        Section("life of groups (fire, repeat, grow, resolve), 8 connections", _throughput(mixed)),
    ]


def rounds(plan: Plan, servers: dict[str, Server], connections: int, mix: str = "storm") -> Bursts:
    """Take one burst of each server in each round; who begins changes from round to round."""
    found: Bursts = defaultdict(list)
    kinds = list(servers)
    for number in plan.rounds():
        first = number % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            found[kind].append(burst(servers[kind].webhook_url, connections, plan.burst_seconds, mix))
            servers[kind].settle()
    return found


def _check_durable(bursts: Sequence[Burst], database: Path) -> None:
    """Compare what was answered with what is in the file; each accepted webhook of a storm is an incident."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        stored = connection.execute("SELECT count(*) FROM incidents").fetchone()[0]
    accepted = sum(one.accepted for one in bursts)
    if stored < accepted:
        msg = f"{accepted} webhooks were answered 2xx, but only {stored} incidents are stored"
        raise AssertionError(msg)


def _throughput(found: Bursts) -> list[Line]:
    lines = [line("durable webhooks/s", found, "no-store", lambda b: b.per_second, shown="{:,.0f}")]
    if "naive" in found:
        most = Target(0.3, at_least=True)
        lines.append(line("durable webhooks/s", found, "flask", lambda b: b.per_second, shown="{:,.0f}", target=most))
        lines.append(line("durable webhooks/s", found, "naive", lambda b: b.per_second, shown="{:,.0f}"))
        failed = {kind: [float(b.failed) for b in bursts] for kind, bursts in found.items()}
        lines.append(Line("not accepted", Figure([sum(failed["ours"])]), "naive", Figure([sum(failed["naive"])])))
    return lines


def _latency(found: Bursts, *, targets: bool) -> list[Line]:
    slowest = {"naive": Target(0.5)} if targets else {}
    others = ("no-store", "flask", "naive")
    return [
        *(line("p50, ms", found, kind, lambda b: b.p50_ms, shown="{:,.1f}") for kind in others),
        *(
            line("p99, ms", found, kind, lambda b: b.p99_ms, shown="{:,.1f}", target=slowest.get(kind))
            for kind in others
        ),
    ]


def line(
    what: str,
    found: Bursts,
    other: str,
    value: Callable[[Burst], float],
    *,
    shown: str,
    ours: str = "ours",
    target: Target | None = None,
) -> Line:
    """Compare one figure of our bursts with that of another server's."""
    mine, theirs = ([value(one) for one in found[kind]] for kind in (ours, other))
    return Line(what, Figure(mine, shown), other, Figure(theirs, shown), target)
