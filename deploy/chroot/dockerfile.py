"""Reads our Dockerfile: its stages, each with its instructions. Knows what ours uses, and refuses what it does not."""

import json
import re
from dataclasses import dataclass, field
from string import Template

IGNORED = {"LABEL", "EXPOSE", "STOPSIGNAL"}
"""What says something to people or to Docker, and changes nothing in the files."""
KNOWN = IGNORED | {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


@dataclass
class Stage:
    """One `FROM` and what follows it; `steps` are (COPY, RUN or WORKDIR, its text, the variables that hold then)."""

    name: str
    base: str
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    steps: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    workdir: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile, the image last."""
    found: list[Stage] = []
    for word, rest in instructions(text):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(name or "image", base))
        elif word not in IGNORED:
            _understand(found[-1], word, rest)
    return found


def instructions(text: str) -> list[tuple[str, str]]:
    """Return (instruction, the rest of it), with its lines joined as Docker does."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    lines = [line for line in re.sub(r"\\\n", "", kept).splitlines() if line.strip()]
    found = [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]
    unknown = sorted({word for word, _ in found} - KNOWN)
    if unknown:
        raise ValueError(f"the Dockerfile has {', '.join(unknown)}, which is not known here")
    return found


def _understand(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                stage.env[name] = Template(value).safe_substitute(stage.env)
        case "USER":
            stage.user = rest
        case "VOLUME":
            stage.volumes += json.loads(rest)
        case "ENTRYPOINT" | "CMD":
            stage.command += json.loads(rest)
        case "HEALTHCHECK":
            stage.health = json.loads(rest.partition(" CMD ")[2])
        case _:
            if word == "WORKDIR":
                stage.workdir = rest
            stage.steps.append((word, rest, {**stage.env, "PWD": stage.workdir}))
