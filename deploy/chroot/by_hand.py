"""Builds and starts the image without Docker: the Dockerfile's steps in chroots of a fresh Debian, then its service.

    sudo python deploy/chroot/by_hand.py

For machines that have no container runtime, and to see that the image needs nothing that only one machine has. Needs
root and debootstrap, takes some minutes and 2 GB, and leaves nothing behind: all mounts are in a namespace of its own.
Python is Debian's instead of that of the image `python`, in the same version.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from dockerfile import Stage, stages

ROOT = Path(__file__).parents[2]
MIRROR = "http://deb.debian.org/debian"
PORT = 9877
TOKENS = "/run/secrets/mttx-tokens"
PATIENCE_SECONDS = 90
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def main() -> int:
    """Build all stages, start the last one as compose.yaml does, look at it, and end it."""
    options = arguments()
    if not options.inside:
        said = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, "--inside"]
        code = subprocess.run(said, check=False).returncode
        if not options.keep:
            shutil.rmtree(options.folder, ignore_errors=True)
        return code
    built: dict[str, Path] = {}
    for stage in stages((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        built[stage.name] = build(stage, options.folder, built)
    look(stage, built[stage.name])
    print("it works")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/mttx-image"), help="where to build")  # noqa: S108
    parser.add_argument("--keep", action="store_true", help="keep the folder; the base in it is used again")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def build(stage: Stage, folder: Path, built: dict[str, Path]) -> Path:
    """Return the root of a stage after all its steps."""
    root = folder / stage.name
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "--archive", str(base(stage.base, folder)), str(root))
    for number, (word, rest, env) in enumerate(stage.steps, 1):
        began = time.monotonic()
        match word:
            case "WORKDIR":
                (root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(rest, root, Path(env["PWD"]), built)
            case _:
                enter(root, {**settings_of_pip(root), **env}, "/bin/sh", "-e", "-c", rest)
        print(
            f"{stage.name} {number}/{len(stage.steps)} {time.monotonic() - began:5.1f} s  {word} {rest[:80]}",
            flush=True,
        )
    return root


def base(image: str, folder: Path) -> Path:
    """Return a Debian with Python in the place of an image python:3.13-slim-trixie."""
    wanted, suite = re.fullmatch(r"python:([\d.]+)-slim-(\w+)", image).groups()  # type: ignore[union-attr]
    root = folder / f"base-{suite}"
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, suite, str(root), MIRROR, stdout=subprocess.DEVNULL)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    found = enter(root, {"PATH": "/usr/bin:/bin"}, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    if found.strip() != wanted:
        raise SystemExit(f"Debian {suite} has Python {found.strip()}, the Dockerfile wants {wanted}")
    return root


def copy(rest: str, root: Path, workdir: Path, built: dict[str, Path]) -> None:
    """Do a COPY: of files and folders of the repository, or --from another stage."""
    *sources, target = [word for word in rest.split() if not word.startswith("--")]
    stage = re.match(r"--from=(\w+)", rest)
    above = built[stage[1]] if stage else ROOT
    into = root / str(workdir / target).lstrip("/")
    for source in sources:
        found = above / source.lstrip("/")
        if found.is_dir():
            ignored = None if stage else shutil.ignore_patterns("__pycache__")
            shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, into)


def settings_of_pip(root: Path) -> dict[str, str]:
    """Return how this machine reaches its package index, and bring its certificates and name servers along."""
    for name in (CERTIFICATES, "/etc/resolv.conf"):
        shutil.copy(name, root / name.lstrip("/"))
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}


def look(image: Stage, root: Path) -> None:
    """Start the image as compose.yaml does, and see that it does what an image of it has to do."""
    token = prepare(image, root)
    said = as_user(image, root, {"MTTX_TOKENS_FILE": "/run/secrets/none"}, *image.command)
    check("without tokens it says so and stops", said.returncode != 0 and "tokens" in said.stdout + said.stderr)
    said = as_user(image, root, {}, "python", "-c", "import psycopg; print(psycopg.pq.__impl__)")
    check("PostgreSQL's driver is in it", said.stdout.strip() == "binary")
    service = subprocess.Popen(command(image, root, {}, *image.command))
    try:
        check("it answers /-/ready", ready(service))
        status = Path(f"/proc/{service.pid}/status").read_text()
        uid = image.user.partition(":")[0]
        check(f"it runs as user {uid}", re.search(rf"^Uid:\s+{uid}\s+{uid}\s", status, re.MULTILINE) is not None)
        check("it may nothing more", re.search(r"^CapEff:\s+0+$", status, re.MULTILINE) is not None)
        check(
            "its root is read-only",
            as_user(image, root, {}, "touch", "/opt/mttx/x").stderr.endswith("Read-only file system\n"),
        )
        check("it is healthy", as_user(image, root, {}, *image.health).returncode == 0)
        check("it takes an alert", ask("POST", "/webhooks/alertmanager", ALERT, token)[0] == 200)
        opened = 'mttx_incidents_opened_total{incident_severity="SEV-2"} 1.0'
        check("and counts an incident", opened in ask("GET", "/metrics")[1])
    finally:
        service.terminate()
    check("it ends in time, with exit code 0", service.wait(10) == 0)


def prepare(image: Stage, root: Path) -> str:
    """Mount what a container has: a read-only root, its volume, /tmp, /proc, /dev and the tokens. Returns a token."""
    uid, gid = image.user.split(":")
    run("mount", "--bind", str(root), str(root))
    for volume in (*image.volumes, "/tmp", "/run"):  # noqa: S108
        run("mount", "-t", "tmpfs", "-o", f"uid={uid},gid={gid}", "tmpfs", str(root / volume.lstrip("/")))
    run("mount", "-t", "proc", "proc", str(root / "proc"))
    run("mount", "--rbind", "/dev", str(root / "dev"))
    token = secrets.token_hex(32)
    tokens = root / TOKENS.lstrip("/")
    tokens.parent.mkdir()
    tokens.write_text(f"- {{name: alertmanager, token: {token}, scopes: [ingest]}}\n", encoding="utf-8")
    os.chown(tokens, int(uid), int(gid))
    tokens.chmod(0o400)
    run("mount", "-o", "remount,bind,ro", str(root))
    return token


def command(image: Stage, root: Path, env: dict[str, str], *words: str) -> list[str]:
    """Return a command as the image's user in its root, which can gain no privileges."""
    variables = [f"{name}={value}" for name, value in {**image.env, **env}.items()]
    there = ["chroot", f"--userspec={image.user}", "--groups=", str(root), "/usr/bin/env", "-i", "-C", image.workdir]
    return ["setpriv", "--no-new-privs", *there, *variables, *words]


def as_user(image: Stage, root: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command so to its end."""
    return subprocess.run(command(image, root, env, *words), capture_output=True, text=True, check=False, timeout=60)


def ready(service: subprocess.Popen[bytes]) -> bool:
    """Wait for the answer 200 of /-/ready."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while service.poll() is None and time.monotonic() < deadline:
        try:
            if ask("GET", "/-/ready")[0] == 200:
                return True
        except OSError:
            time.sleep(0.2)
    return False


def ask(method: str, path: str, body: str | None = None, token: str = "") -> tuple[int, str]:
    """Send one request to the service."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    connection.request(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def check(what: str, holds: bool) -> None:
    """Print what holds, and end where it does not."""
    print(f"{'ok' if holds else 'NO':<3} {what}", flush=True)
    if not holds:
        raise SystemExit(1)


def enter(root: Path, env: dict[str, str], *words: str) -> str:
    """Run a command as root in a root, and return what it printed."""
    variables = [f"{name}={value}" for name, value in env.items()]
    there = ["chroot", str(root), "/usr/bin/env", "-i", "-C", env.get("PWD", "/"), *variables, *words]
    return subprocess.run(there, stdout=subprocess.PIPE, text=True, check=True).stdout


def run(*words: str, **options: int) -> None:
    """Run a command that has to succeed."""
    subprocess.run(words, check=True, **options)  # type: ignore[call-overload]


ALERT = json.dumps(
    {
        "version": "4",
        "groupKey": "{}",
        "status": "firing",
        "truncatedAlerts": 0,
        "alerts": [
            {
                "status": "firing",
                "fingerprint": "4889ff3223809fa0",
                "labels": {"alertname": "CheckoutErrors", "severity": "critical"},
                "annotations": {},
                "startsAt": "2026-03-02T09:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
            }
        ],
    }
)

if __name__ == "__main__":
    sys.exit(main())
