"""PostgreSQL with two replicas against one: what a second one adds to durable webhooks, and what it does not."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.cluster import durable_cluster
from benchmarks.load import Burst, burst
from benchmarks.plan import Plan
from benchmarks.report import Section
from benchmarks.servers import Server, running
from benchmarks.storm import Bursts, line

CONNECTIONS = 64
"""Of both load generators together; each sends to one replica, or both to the only one."""


def measure(plan: Plan) -> list[Section]:
    """Send the same storm to one replica and to two, in turns, each with a database of its own in one cluster."""
    folder = plan.folder / "replicas"
    folder.mkdir()
    found: Bursts = defaultdict(list)
    with ExitStack() as stack:
        cluster = stack.enter_context(durable_cluster(plan.folder.parent))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        sets: dict[str, list[Server]] = {}
        for kind, number in (("one replica", 1), ("two replicas", 2)):
            url = cluster.new_database()
            names = [folder / f"{number}-{of}" for of in range(number)]
            sets[kind] = [stack.enter_context(running("ours", name, url)) for name in names]
            _both(pool, sets[kind], plan)
        for number in plan.rounds():
            for kind in list(sets)[:: 1 if number % 2 else -1]:
                found[kind].append(_both(pool, sets[kind], plan))
    compared = [
        line(
            "durable webhooks/s, two",
            found,
            "one replica",
            lambda b: b.per_second,
            shown="{:,.0f}",
            ours="two replicas",
        ),
        line("p99, ms, two", found, "one replica", lambda b: b.p99_ms, shown="{:,.1f}", ours="two replicas"),
    ]
    return [Section(f"PostgreSQL, alert storm, {CONNECTIONS} connections", compared)]


def _both(pool: ThreadPoolExecutor, servers: Sequence[Server], plan: Plan) -> Burst:
    """Run two load generators at the same time and add them up; of the latencies the worse counts."""
    urls = [servers[0].webhook_url, servers[-1].webhook_url]
    told = list(pool.map(lambda url: burst(url, CONNECTIONS // 2, plan.burst_seconds), urls))
    for server in servers:
        server.settle()
    return Burst(
        accepted=sum(one.accepted for one in told),
        failed=sum(one.failed for one in told),
        per_second=sum(one.per_second for one in told),
        p50_ms=max(one.p50_ms for one in told),
        p99_ms=max(one.p99_ms for one in told),
    )
