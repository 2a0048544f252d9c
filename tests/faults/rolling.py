"""A rolling upgrade under load, by hand: three replicas of an earlier commit are replaced by this code, one by one.

    git worktree add /tmp/earlier COMMIT
    python -m tests.faults.rolling /tmp/earlier

Meanwhile webhooks are sent, pages and metrics are read, and every incident is announced in a Slack. It is no test: a
checkout without history does not have the earlier code.
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.senders import kept, sending
from tests.faults.site import Postgres
from tests.messages.loopback import CHANNEL, TOKEN, Slack
from tests.real.http import request
from tests.real.meanwhile import meanwhile
from tests.real.processes import until
from tests.real.servers import EarlierExporter, Exporter, Samples
from tests.real.storms import TOKEN as ALERT

READ = (
    "/-/ready",
    "/metrics",
    "/",
    "/incidents",
    "/incidents/INC-1",
    "/api/v1/incidents",
    "/api/v1/incidents/INC-1",
    "/api/v1/indicators",
    "/api/v1/postmortems",
)


@contextmanager
def reading(replicas):
    """Read from all replicas while the block runs; gives how often each status was answered, by who answered."""
    over, answered = threading.Event(), Counter()

    def read(number):
        while not over.is_set():
            for path in READ:
                replica = replicas[number]
                try:
                    status = request("GET", replica.url + path, timeout=40).status
                except OSError:
                    status = "cut"
                answered[type(replica).__name__, path, status] += 1
                over.wait(0.05)

    with meanwhile([threading.Thread(target=read, args=(number,)) for number in range(len(replicas))], over):
        yield answered


def roll(tree, seconds, clients, pace):
    """Replace one replica after the other, and print what senders, readers and Slack saw."""
    with ExitStack() as stack:
        server = Postgres()
        stack.callback(server.remove)
        server.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mttx-rolling-")))
        slack = stack.enter_context(Slack())
        slack.now, slack.page_length = time.time(), 200
        config = {
            "messages": {"language": "en", "storm_reports": None},
            "slack": {"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL},
        }
        url = server.new_database()
        replicas = [EarlierExporter(folder / f"earlier-{n}", tree, config, url) for n in range(3)]
        for replica in replicas:
            stack.callback(replica.stop)
            replica.start()
        with sending(replicas, clients, pace=pace) as senders, reading(replicas) as read:
            for number, earlier in enumerate(list(replicas)):
                time.sleep(seconds)
                print(f"replica {number + 1}: {len(senders.answered)} answered, refused {dict(senders.refused)}")
                earlier.terminate()
                replicas[number] = Exporter(folder / f"today-{number}", config, database_url=url)
                replicas[number].port = earlier.port
                stack.callback(replicas[number].stop)
                replicas[number].start()
                if number == 0:
                    print(start_again(EarlierExporter(folder / "again", tree, config, url)))
                    print(f"metrics of an earlier one: {Samples.read(replicas[1].url).total(OPENED)} opened")
            time.sleep(seconds)
        report(senders, read, replicas[0], slack)


OPENED = "mttx_incidents_opened_total"


def start_again(earlier):
    """Start an earlier one after the migration: it has to refuse the database."""
    earlier.launch()
    return f"an earlier one that starts again ends with {earlier.process.wait(60)}: {earlier.tail(2)}"


def report(senders, read, exporter, slack):
    """Print what was answered, what is there, and what was told."""
    answered, stored, doubled = kept(exporter, [senders])
    print(f"sent {len(senders.bodies)}, refused {dict(senders.refused)}, slowest try {senders.slowest:.1f} s")
    print(f"answered {answered}, lost {answered - stored}, doubled {doubled}, {len(exporter.incidents())} incidents")
    print(f"opened by the totals: {exporter.get_metrics().total(OPENED):.0f}")
    moments = [moment for moment, _ in senders.landed]
    print(f"longest time without an answer: {max(map(float.__rsub__, moments, moments[1:])):.1f} s")
    for (who, path, status), times in sorted(read.items(), key=str):
        print(f"  {who:16} {path:24} {status} {times}")
    until(lambda: len(announced(slack)) >= answered, "all to be announced", 600, every=1)
    twice = {alert for alert, times in announced(slack).items() if times > 1}
    print(f"announced {len(announced(slack))}, twice {len(twice)}")
    for ts, message in slack.messages.items():
        if twice & set(ALERT.findall(message["text"])):
            print(f"  {ts} {message['metadata']} {message['text'].splitlines()[0]}")


def announced(slack):
    """Return how often each alert was announced."""
    heads = [message["text"] for message in list(slack.messages.values()) if not message.get("thread_ts")]
    return Counter(token for text in heads for token in set(ALERT.findall(text)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--seconds", type=float, default=5, help="between two replacements")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between two webhooks of a client")
    arguments = parser.parse_args()
    roll(arguments.tree.resolve(), arguments.seconds, arguments.clients, arguments.pace)
