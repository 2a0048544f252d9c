"""Audit records, configuration files, and what git and Grafana know of changes."""

import hashlib
import json
import os
import shutil
from datetime import timedelta

import pytest

from service.clients.errors import Reason, RequestFailed
from service.evidence.sources.audit import AuditSource, days
from service.evidence.sources.changes import ChangeSource
from service.evidence.sources.configuration import ConfigurationSource
from service.evidence.sources.files import filled_in, root_of
from service.evidence.sources.git import Repository
from service.evidence.staging import SourceFailed
from tests.evidence.builders import at, evidence_window
from tests.evidence.bundle import bundle
from tests.evidence.repository import Repo

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


# --- audit ----------------------------------------------------------------------------------------------------------


def inside(path):
    return str(path).lstrip("/")


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "audit"
    for day in ("2026-11-23", "2026-11-24", "2026-11-25"):
        (folder / day).mkdir(parents=True)
        for order in ("O-1", "O-2"):
            (folder / day / f"{order}.json").write_bytes(b'{"password": "hunter22", "bytes": "\xff\x00"}')
    return folder


def audit(folder, pattern, *, verbatim=True, **fields):
    source = AuditSource([f"{folder}/{pattern}"], [], verbatim=verbatim)
    return bundle(folder.parent / "out", source, **{"allow_verbatim": True} | fields)


def test_it_copies_records_byte_for_byte(records):
    box = audit(records, "{date}/{order_id}.json", shared={"order_id": ["O-1"]})
    path = f"audit/{inside(records)}/2026-11-23/O-1.json"
    assert box.texts == {path: (records / "2026-11-23" / "O-1.json").read_bytes()}
    assert box.file(path)["verbatim"]


def test_it_takes_days_in_utc_and_in_the_zone_that_people_read(records):
    # 01:00 of the next day in Tokyo
    late = evidence_window(start=at(0) + timedelta(hours=7), end=at(0) + timedelta(hours=8))
    box = audit(records, "{date}/{order_id}.json", shared={"order_id": ["O-2"]}, about=late)
    assert len(box.texts) == 2
    assert [f"{day}" for day in days(late)] == ["2026-11-23", "2026-11-24"]


def test_days_may_be_written_without_dashes(tmp_path):
    (tmp_path / "a" / "20261123").mkdir(parents=True)
    (tmp_path / "a" / "20261123" / "exec_result.json").write_text("{}")
    assert len(audit(tmp_path / "a", "{date}/exec_result.json").texts) == 1


@pytest.mark.parametrize("order", ["../../secret", "a/b", ".hidden", "..", "", "*", "a\0b", "-x"])
def test_an_order_id_that_is_no_part_of_a_path_is_refused(records, order):
    (records.parent / "secret.json").write_text("{}")
    box = audit(records, "{date}/{order_id}.json", shared={"order_id": [order]})
    assert box.texts == {}
    assert any("cannot be part of a path" in reason for reason in box.failures("audit").values())


def test_wildcards_in_an_order_id_stand_for_themselves():
    assert filled_in("/a/{order_id}", {"order_id": ["a b"]}) == ["/a/a b"]
    assert filled_in("/a/{order_id}", {"order_id": ["a[1]"]}) == []
    assert root_of("/data/audit/{date}/*.json").as_posix() == "/data/audit"


def test_it_has_to_be_allowed(records):
    box = audit(records, "{date}/*.json", allow_verbatim=False)
    assert "--allow-verbatim" in box.source("audit")["error"]
    assert box.texts == {}


def test_it_can_be_redacted_instead(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "r.json").write_text('{"password": "hunter22"}')
    box = audit(tmp_path / "a", "*.json", verbatim=False, allow_verbatim=False)
    assert b"hunter22" not in next(iter(box.texts.values()))


def test_it_says_that_the_logs_told_no_order(records):
    assert "configure evidence.logs" in next(iter(audit(records, "{date}/{order_id}.json").failures("audit").values()))
    (records.parent / "out" / "evidence.zip").unlink()
    assert "matches no file" in audit(records, "{date}/nothing.json").failures("audit").popitem()[1]


def test_a_record_that_cannot_be_read_is_named(records, monkeypatch):
    really = os.open

    def refused(path, *rest, **more):
        if str(path).endswith("O-1.json"):
            raise PermissionError(13, "Permission denied")
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", refused)
    failures = audit(records, "2026-11-23/O-1.json").failures("audit")
    assert failures == {str(records / "2026-11-23" / "O-1.json"): "cannot be read: Permission denied"}


# --- configuration --------------------------------------------------------------------------------------------------


def configuration(folder, pattern, **fields):
    return bundle(folder / "out", ConfigurationSource([str(pattern)], []), **fields)


@pytest.fixture
def app(tmp_path):
    repo = Repo(tmp_path / "app")
    repo.first = repo.commit(at(-600), prod__yml="limit: 1\n")
    repo.second = repo.commit(at(30), prod__yml="limit: 2\npassword: hunter22\n")
    repo.commit(at(600), prod__yml="limit: 3\n")
    return repo


def test_it_has_the_file_now_at_the_start_and_the_difference_to_the_end(tmp_path, app):
    box = configuration(tmp_path, app.folder / "{env}.yml", about=evidence_window(labels={"env": "prod"}))
    name = inside(app.folder / "prod.yml")
    assert box.texts[f"configuration/now/{name}"] == b"limit: 3\n"
    assert box.texts[f"configuration/at-start/{name}"] == b"limit: 1\n"
    diff = box.texts[f"configuration/changes/{name}.diff"].decode()
    assert "-limit: 1\n+limit: 2\n+password: [password or key removed]\n" in diff
    notes = box.file(f"configuration/now/{name}")["notes"]
    assert notes["sha256_of_the_original"] == hashlib.sha256(b"limit: 3\n").hexdigest()
    assert box.file(f"configuration/at-start/{name}")["notes"]["commit"] == app.first
    assert box.source("configuration")["complete"]


def test_a_file_outside_of_git_is_kept_as_it_is(tmp_path):
    (tmp_path / "flags.yml").write_text("new_router: true\n")
    box = configuration(tmp_path, tmp_path / "flags.yml")
    (path,) = box.texts
    assert "not in a repository" in box.file(path)["notes"]["git"]
    assert box.source("configuration")["complete"]


def test_an_untracked_file_is_named(tmp_path, app):
    (app.folder / "new.yml").write_text("a: 1\n")
    assert "not tracked by git" in configuration(tmp_path, app.folder / "new.yml").failures("configuration")["new.yml"]


def test_a_file_that_came_later_is_named(tmp_path):
    repo = Repo(tmp_path / "late")
    repo.commit(at(300), prod__yml="limit: 1\n")
    assert "git has no version" in configuration(tmp_path, repo.folder / "*.yml").failures("configuration")["prod.yml"]


def test_it_says_what_a_pattern_lacks(tmp_path):
    assert "no label env" in configuration(tmp_path, tmp_path / "{env}.yml").failures("configuration").popitem()[1]
    (tmp_path / "out" / "evidence.zip").unlink()
    assert configuration(tmp_path, tmp_path / "*.x").failures("configuration").popitem()[1] == "matches no file"


# --- changes --------------------------------------------------------------------------------------------------------


def changes(folder, *repositories, ask=None, tags=("deploy",)):
    return bundle(folder / "out", ChangeSource(repositories, DAY, tags, ask))


def test_it_tells_commits_merges_and_tags_of_the_time_before(tmp_path):
    repo = Repo(tmp_path / "app")
    repo.commit(at(-3000), "too old")
    repo.git("tag", "-a", "v0", "-m", "old", when=at(-3000))
    repo.commit(at(-100), "raise the limit", prod__yml="limit: 2\n")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(at(-90), "on a branch")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "side", "-m", "merge of side", when=at(-80))
    repo.git("tag", "-a", "v1.2.3", "-m", "release", when=at(-70))
    repo.commit(at(500), "too late")
    box = changes(tmp_path, repo.folder)
    log = box.texts["changes/app/log.txt"].decode()
    assert [text in log for text in ("raise the limit", "on a branch", "merge of side", "prod.yml | 1 +")] == [True] * 4
    assert [text in log for text in ("too old", "too late")] == [False] * 2
    assert "v1.2.3" in box.texts["changes/app/tags.txt"].decode()
    assert "v0" not in box.texts["changes/app/tags.txt"].decode()
    assert len(box.file("changes/app/log.txt")["notes"]["head"]) == 40


def test_nothing_that_a_repository_names_is_run(tmp_path):
    repo = Repo(tmp_path / "app")
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    script.chmod(0o755)
    (repo.folder / ".gitattributes").write_text("*.yml diff=x\n")
    repo.commit(at(-100), prod__yml="a: 1\n")
    repo.commit(at(-50), prod__yml="a: 2\n")
    for key in (
        "core.fsmonitor",
        "diff.external",
        "diff.x.textconv",
        "diff.x.command",
        "core.pager",
        "core.sshCommand",
    ):
        repo.git("config", key, str(script))
    changes(tmp_path, repo.folder)
    bundle(tmp_path / "out2", ConfigurationSource([f"{repo.folder}/prod.yml"], []))
    assert not ran.exists()


def test_a_folder_without_a_repository_and_a_missing_one_are_named(tmp_path):
    (tmp_path / "plain").mkdir()
    failures = changes(tmp_path, tmp_path / "plain", tmp_path / "gone").failures("changes")
    assert "is not a git repository" in failures[str(tmp_path / "plain")]
    assert "git cannot be run" in failures[str(tmp_path / "gone")]


def test_a_repository_without_commits_and_a_shallow_one_are_noted(tmp_path):
    empty = Repo(tmp_path / "empty")
    full = Repo(tmp_path / "full")
    full.commit(at(-100))
    full.commit(at(-50))
    full.git("clone", "-q", "--depth", "1", f"file://{full.folder}", str(tmp_path / "shallow"))
    box = changes(tmp_path, empty.folder, tmp_path / "shallow")
    assert "no commits" in box.file("changes/empty/log.txt")["notes"]["head"]
    assert "older commits are missing" in box.file("changes/shallow/log.txt")["notes"]["shallow"]


def test_a_repository_of_another_user_is_told_with_the_command_that_lets_it_be_read(tmp_path, app, monkeypatch):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    failures = changes(tmp_path, app.folder).failures("changes")
    (tmp_path / "out" / "evidence.zip").unlink()
    failures |= configuration(tmp_path, app.folder / "prod.yml").failures("configuration")
    assert len(failures) == 2
    assert all("git config --global --add safe.directory" in reason for reason in failures.values())


def test_it_stops_git_when_its_bound_is_reached(tmp_path):
    repo = Repo(tmp_path / "app")
    for number in range(20):
        repo.commit(at(-100 + number), "x" * 2000)
    box = bundle(tmp_path / "out", ChangeSource([repo.folder], DAY, (), None), max_bytes=4096)
    assert box.file("changes/app/log.txt")["truncated"]
    assert Repository(repo.folder).output("log", most=100) == Repository(repo.folder).output("log")[:100]


def test_it_asks_grafana_for_each_tag(tmp_path):
    asked = []

    def ask(begin, end, tags):
        asked.append((begin, end, list(tags)))
        return [{"id": 1, "time": 5, "tags": list(tags)}, {"id": 2, "time": 3}]

    box = changes(tmp_path, ask=ask, tags=("deploy", "flag"))
    assert [annotation["id"] for annotation in json.loads(box.texts["changes/annotations.json"])] == [2, 1]
    window = evidence_window()
    assert asked == [(window.start - DAY, window.end, [tag]) for tag in ("deploy", "flag")]


def test_it_says_that_grafana_failed(tmp_path):
    def ask(*_):
        raise RequestFailed("answered 500", Reason.UNAVAILABLE)

    assert "annotations with the tag deploy" in changes(tmp_path, ask=ask).failures("changes")


def test_a_file_that_fails_while_it_is_read_or_shrinks_is_noted(tmp_path):
    from service.evidence.sources.files import Matched, Opened, copy, opened

    path = tmp_path / "a"
    path.write_text("0123456789")

    class ShrinkingFile(list):
        def write(self, data):
            path.write_text("")

        def add_omission(self, reason):
            self.append(reason)

    file = ShrinkingFile()
    with opened(Matched(path, path, "a")) as source:
        assert copy(source, file) == hashlib.sha256(b"0123456789").hexdigest()
    assert file == ["the file became shorter while it was read"]

    class Broken:
        def read(self, size):
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceFailed, match="Input/output error"):
        copy(Opened(Broken(), 5, at(0)), file)
