"""Installs the wheel by its name in a fresh Debian, and follows an alert over TLS until it is an incident.

    sudo python deploy/chroot/by_name.py

pipx installs it, `mttx-exporter serve` takes a web.config.file, Debian's Prometheus scrapes it with a rule that fires,
Debian's Alertmanager notifies it, and `mttx incident list` shows the incident. Needs root, debootstrap, iproute2 and a
package index, takes some minutes and 1 GB, and leaves nothing behind. The servers have a network of their own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE, MIRROR = "trixie", "http://deb.debian.org/debian"
PACKAGES = "python3,python3-venv,ca-certificates,pipx,openssl,prometheus,prometheus-alertmanager"
HOME = "/home/mttx"
PATIENCE_SECONDS = 120
TOKEN = "an-example-of-a-token"  # noqa: S105 - reaches nobody: its network is its own
PASSWORD_HASH = "import bcrypt; print(bcrypt.hashpw(b'example', bcrypt.gensalt(4)).decode())"  # noqa: S105
CERTIFICATES = """
openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem
openssl req -nodes -newkey rsa:2048 -subj /CN=mttx -keyout server.key -out server.csr
echo subjectAltName=IP:127.0.0.1 >names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
"""
FILES = {
    "tokens.yml": f"- {{name: everybody, token: {TOKEN}, scopes: [ingest, read, write]}}\n",
    "web.yml": """
tls_server_config: {cert_file: server.pem, key_file: server.key, min_version: TLS13}
basic_auth_users: {prometheus: "HASH"}
""",
    "prometheus.yml": """
global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
  - job_name: mttx
    scheme: https
    tls_config: {ca_file: ca.pem}
    basic_auth: {username: prometheus, password: example}
    static_configs: [{targets: ["127.0.0.1:9877"]}]
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
""",
    "rules.yml": """
groups:
  - name: example
    rules: [{alert: ScrapedOverTLS, expr: 'up{job="mttx"} == 1', labels: {severity: critical}}]
""",
    "alertmanager.yml": f"""
route: {{receiver: mttx, group_by: [alertname], group_wait: 0s}}
receivers:
  - name: mttx
    webhook_configs:
      - url: https://127.0.0.1:9877/webhooks/alertmanager
        http_config: {{authorization: {{credentials: {TOKEN}}}, tls_config: {{ca_file: ca.pem}}}}
""",
}
SERVERS = (
    "mttx-exporter serve --web.config.file web.yml",
    "prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address=127.0.0.1:9090",
    "prometheus-alertmanager --config.file=alertmanager.yml --storage.path=data"
    " --web.listen-address=127.0.0.1:9093 --cluster.listen-address=",
)
QUERY = "promtool query instant http://127.0.0.1:9090"
CHECKS = {
    "the incident of the alert": "mttx --ca ca.pem incident list | grep ScrapedOverTLS",
    "scraped over TLS": f"{QUERY} 'mttx_incidents_opened_total{{incident_severity=\"SEV-2\"}} == 1' | grep SEV-2",
}


def main() -> int:
    """Prepare a Debian with the network, and try it in one of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/mttx-by-name"), help="where to build")  # noqa: S108
    parser.add_argument("--keep", action="store_true", help="keep the folder; the Debian in it is used again")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.folder / SUITE
    if options.inside:
        return look(root)
    try:
        prepare(options.folder, root)
        unshared = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        return subprocess.run([*unshared, sys.executable, *sys.argv, "--inside"], check=False).returncode
    finally:
        if not options.keep:
            shutil.rmtree(options.folder, ignore_errors=True)


def prepare(folder: Path, root: Path) -> None:
    """Build the wheel, and have a user of a fresh Debian install it by name."""
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), MIRROR)
        run("chroot", str(root), "useradd", "--create-home", "--home-dir", HOME, "mttx")
    for name in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(name, root / name.lstrip("/"))
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(root / "srv/wheels"), str(ROOT)
    )
    say(root, "PIP_FIND_LINKS=/srv/wheels pipx install --force mttx-exporter")
    say(root, "ls .local/bin .local/share/man/man1")
    say(root, "rm -rf mttx.db* tsdb data servers.log")  # of an earlier run, with --keep
    subprocess.run(as_user(root, CERTIFICATES), check=True, capture_output=True)
    python = f"{HOME}/.local/share/pipx/venvs/mttx-exporter/bin/python"
    hashed = say(root, f'{python} -c "{PASSWORD_HASH}"').strip()
    for name, text in FILES.items():
        (root / HOME.lstrip("/") / name).write_text(text.replace("HASH", hashed), encoding="utf-8")


def look(root: Path) -> int:
    """Start the servers, and wait for what they have to lead to."""
    run("ip", "link", "set", "lo", "up")
    run("mount", "-t", "proc", "proc", str(root / "proc"))
    run("mount", "--bind", "/dev", str(root / "dev"))
    with started(root):
        for what, command in CHECKS.items():
            print(f"ok  {what}: {waited(root, command)}", flush=True)
    print("it works")
    return 0


@contextmanager
def started(root: Path) -> Iterator[None]:
    """Run the servers as the user, and end them."""
    processes = [subprocess.Popen(as_user(root, f"exec {command} >>servers.log 2>&1")) for command in SERVERS]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def waited(root: Path, command: str) -> str:
    """Return what a command prints once it succeeds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (done := subprocess.run(as_user(root, command), capture_output=True, text=True, check=False)).returncode:
        if time.monotonic() > deadline:
            log = (root / HOME.lstrip("/") / "servers.log").read_text(errors="replace")
            raise SystemExit(f"NO  {command}\n{done.stdout}{done.stderr}\n{log}")
        time.sleep(1)
    return done.stdout.strip()


def as_user(root: Path, command: str) -> list[str]:
    """Return a command line in the shell of the user."""
    kept = {name: value for name, value in os.environ.items() if name.endswith("_proxy")}
    variables = {
        "HOME": HOME,
        "PATH": f"{HOME}/.local/bin:/usr/bin:/bin",
        "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
        "MTTX_TOKENS_FILE": "tokens.yml",
        "MTTX_TOKEN": TOKEN,
        "MTTX_URL": "https://127.0.0.1:9877",
    }
    settings = [f"{name}={value}" for name, value in {**kept, **variables}.items()]
    there = ["chroot", "--userspec=mttx", str(root), "/usr/bin/env", "-i", "-C", HOME, *settings]
    return [*there, "/bin/sh", "-e", "-c", command]


def say(root: Path, command: str) -> str:
    """Run a command as the user, show it, and return what it printed."""
    print(f"$ {command.strip()}", flush=True)
    printed = subprocess.run(as_user(root, command), stdout=subprocess.PIPE, text=True, check=True).stdout
    print(printed, end="", flush=True)
    return printed


def run(*words: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
