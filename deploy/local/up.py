"""The stack without Docker: exporter, Prometheus and Alertmanager as processes of one folder, until Ctrl-C.

Run it with the Python that mttx-exporter is installed in. The two configurations beside this file are used as they are,
with other addresses where other ports are asked for.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

HERE = Path(__file__).parent
DEFAULTS = {"exporter": 9877, "prometheus": 9090, "alertmanager": 9093}
PATIENCE_SECONDS = 60.0
"""How long each of them may take to be ready, and to end."""
MTTX = Path(sys.executable).with_name("mttx")


def main() -> int:
    """Start all three, wait until one of them ends or somebody ends this, and end the others."""
    options = arguments()
    home: Path = options.home.absolute()
    ports = {name: getattr(options, name) for name in DEFAULTS}
    prepare(home, ports, quick=options.quick)
    signal.signal(signal.SIGTERM, _interrupt)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands(home, ports, quick=options.quick).items():
            running[name] = start(name, command, home, environment(home, ports, quick=options.quick))
            wait_until_ready(name, running[name], ports[name], home)
            print(f"{name:<13} http://127.0.0.1:{ports[name]}", flush=True)
        print(f"token         {home / 'operator-token'} (MTTX_TOKEN_FILE)\nready; Ctrl-C ends it", flush=True)
        return watch(running)
    except KeyboardInterrupt:
        return 0
    finally:
        stop(running)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path("mttx-local"), help="folder of all data (mttx-local)")
    parser.add_argument("--quick", action="store_true", help="scrape, evaluate, notify and ask every second: for a try")
    for name, port in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=port, metavar="PORT", help=f"its port ({port})")
    return parser.parse_args()


def prepare(home: Path, ports: Mapping[str, int], *, quick: bool) -> None:
    """Make the folder, the tokens where there are none, the rules, and the two configurations."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "tokens.yml").exists():
        make_tokens(home)
    runbook = ["--runbook-base", f"http://127.0.0.1:{ports['exporter']}/runbook"]
    export = [MTTX, "rules", "export", "--force", "--dir", home / "rules", *runbook]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    for name in ("prometheus", "alertmanager"):
        text = (HERE / f"{name}.yml").read_text(encoding="utf-8")
        for other, port in DEFAULTS.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ports[other]}")
        (home / f"{name}.yml").write_text(quickly(text) if quick else text, encoding="utf-8")


def quickly(text: str) -> str:
    """Return a configuration in which everything happens every second."""
    waits = ("scrape_interval: 30s", "evaluation_interval: 30s", "group_wait: 10s", "group_interval: 1m")
    for wait in waits:
        text = text.replace(wait, f"{wait.partition(':')[0]}: 1s")
    return text


def make_tokens(home: Path) -> None:
    """Make a token for Alertmanager and one for people, and write them where only their owner may read them."""
    entries = ""
    for name, scopes in (("alertmanager", "[ingest]"), ("operator", "[write, read]")):
        token = secrets.token_hex(32)
        write_secret(home / f"{name}-token", token)
        entries += f"- {{name: {name}, token: {token}, scopes: {scopes}}}\n"
    write_secret(home / "tokens.yml", entries)


def write_secret(path: Path, text: str) -> None:
    """Write a file for its owner alone."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def commands(home: Path, ports: Mapping[str, int], *, quick: bool) -> dict[str, list[str]]:
    """Return the command of each, in the order of their start."""
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or "alertmanager"
    return {
        "exporter": [str(MTTX), "serve"],
        "alertmanager": [
            alertmanager,
            f"--config.file={home / 'alertmanager.yml'}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            "--cluster.listen-address=",
        ],
        "prometheus": [
            "prometheus",
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            f"--web.external-url=http://127.0.0.1:{ports['prometheus']}",  # links that lead from an alert to its graph
            "--web.enable-lifecycle",  # POST /-/reload, for who changes a rule; nobody but this machine gets there
            "--enable-feature=exemplar-storage",
            # An alert that fires before Prometheus has found Alertmanager is told again after this.
            f"--rules.alert.resend-delay={'5s' if quick else '1m'}",
        ],
    }


def environment(home: Path, ports: Mapping[str, int], *, quick: bool) -> dict[str, str]:
    """Return our environment with what the exporter is told; what you set yourself (MTTX_GRAFANA_URL, say) stays."""
    ours = {
        "MTTX_LISTEN": f"127.0.0.1:{ports['exporter']}",
        "MTTX_DATABASE_URL": f"sqlite:///{home / 'mttx.db'}",
        "MTTX_TOKENS_FILE": str(home / "tokens.yml"),
        "MTTX_PROMETHEUS_URL": f"http://127.0.0.1:{ports['prometheus']}",
        "MTTX_ALERTMANAGER_URLS": f'["http://127.0.0.1:{ports["alertmanager"]}"]',
    }
    return {**os.environ, **ours, **({"MTTX_INQUIRY_INTERVAL": "1s"} if quick else {})}


def start(name: str, command: list[str], home: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start one of them, with its log in the folder."""
    with (home / f"{name}.log").open("ab") as log:
        try:
            return subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        except FileNotFoundError:
            sys.exit(f"{command[0]} is not installed: apt install prometheus prometheus-alertmanager")


def wait_until_ready(name: str, process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    """Wait for the answer 200 of /-/ready; what ends before that has said why in its log."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    opener = build_opener(ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"http://127.0.0.1:{port}/-/ready", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"{name} did not get ready; see {home / f'{name}.log'}")


def watch(running: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until one of them ends by itself, which none should."""
    while True:
        for name in ended(running):
            print(f"{name} ended; see its log", file=sys.stderr)
            return 1
        time.sleep(0.5)


def ended(running: Mapping[str, subprocess.Popen[bytes]]) -> Iterator[str]:
    """Name those that do not run any more."""
    return (name for name, process in running.items() if process.poll() is not None)


def stop(running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """End all of them: who sends alerts first, the exporter last."""
    for process in reversed(running.values()):
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
