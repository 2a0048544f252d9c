"""An archive is the same for the same contents, is there as a whole or not at all, and no byte of it can be changed."""

import hashlib
import json
import subprocess
import zipfile
import zlib

import pytest

from service.evidence import collecting
from service.evidence.archive import Packed, pack
from service.evidence.collecting import NotCollected
from service.evidence.manifest import contents_digest
from service.evidence.verify import verify
from tests.evidence.builders import TOKYO, FakeSource, at, collected, evidence_window, text


def small(folder, **more):
    return collected(
        folder,
        FakeSource(
            "logs", text("app.log", "one\ntwo\n", query="app", modified_at=at(1).astimezone(TOKYO), notes={"lines": 2})
        ),
        FakeSource("audit", text("監査/a.json", "{}\n")),
        **more,
    )


def manifest_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


def test_the_same_inputs_give_the_same_bytes_wherever_they_are(tmp_path):
    first, second = small(tmp_path / "a"), small(tmp_path / "b", name="other.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()


def test_another_time_of_collection_changes_the_manifest_and_not_the_digest_of_the_contents(tmp_path):
    first, second = small(tmp_path / "a"), small(tmp_path / "b", now=at(1000))
    assert first.sha256 != second.sha256
    first_manifest, other = manifest_of(first.path), manifest_of(second.path)
    assert first_manifest["contents_sha256"] == other["contents_sha256"]
    for manifest in (first_manifest, other):
        del manifest["collected_at"]
        for file in manifest["files"]:
            del file["collected_at"]
    assert first_manifest == other


def test_the_manifest_tells_where_everything_came_from(tmp_path):
    manifest = manifest_of(small(tmp_path).path)
    assert manifest["tool"] == {"name": "mttx-exporter", "version": "1.2.3"}
    assert manifest["collected_at"] == "2026-11-23T12:00:00Z"
    window = {"start": "2026-11-23T08:45:00Z", "end": "2026-11-23T10:19:00Z", "display_timezone": "Asia/Tokyo"}
    assert manifest["window"] == window
    assert manifest["incident"]["title"] == "Checkout errors"
    assert manifest["complete"] is True
    assert manifest["files"][0] == {
        "path": "logs/app.log",
        "source": "logs",
        "query": "app",
        "collected_at": "2026-11-23T12:00:00Z",
        "modified_at": "2026-11-23T09:01:00Z",
        "sha256": hashlib.sha256(b"one\ntwo\n").hexdigest(),
        "size": 8,
        "verbatim": False,
        "redactions": {},
        "truncated": None,
        "error": None,
        "notes": {"lines": 2},
    }


def test_other_tools_can_read_it(tmp_path):
    made = small(tmp_path)
    with zipfile.ZipFile(made.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "logs/app.log", "audit/監査/a.json"]
    subprocess.run(["sha256sum", "--check", f"{made.path.name}.sha256"], cwd=tmp_path, check=True, capture_output=True)


def test_any_byte_that_is_changed_is_found(tmp_path):
    made = small(tmp_path)
    (tmp_path / "evidence.zip.sha256").unlink()  # without help from outside
    whole = made.path.read_bytes()
    victim = tmp_path / "victim.zip"
    for position in range(len(whole)):
        for flipped in (whole[position] ^ 0x01, whole[position] ^ 0x20, whole[position] ^ 0xFF):
            victim.write_bytes(whole[:position] + bytes([flipped]) + whole[position + 1 :])
            assert not verify(victim).good, f"byte {position} of {len(whole)}"


@pytest.mark.parametrize("where", ["before", "after", "cut", "emptied"])
def test_bytes_that_are_added_or_gone_are_found(tmp_path, where):
    made = small(tmp_path)
    (tmp_path / "evidence.zip.sha256").unlink()
    whole = made.path.read_bytes()
    changed = {"before": b"#!" + whole, "after": whole + b"\0", "cut": whole[:-1], "emptied": b""}
    made.path.write_bytes(changed[where])
    assert not verify(made.path).good


def resealed(folder, entries, *, prefix=b""):
    """Build an archive as we do, of other contents: what somebody would do who knows how the seal is made."""
    folder.mkdir(exist_ok=True)
    files = []
    for number, (path, content) in enumerate(entries):
        (folder / str(number)).write_bytes(content)
        files.append(Packed(path, folder / str(number)))
    target = folder / "forged.zip"
    with target.open("w+b") as file:
        pack(file, files)
    if prefix:
        body = prefix + target.read_bytes()[:-64]
        target.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    return target


def entries_of(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda e: [*e, ("logs/extra.log", b"x")], "is not in the manifest"),
        (lambda e: e[:-1], "is missing"),
        (lambda e: [e[0], ("logs/renamed.log", e[1][1]), e[2]], "is missing"),
        (lambda e: [e[0], (e[1][0], b"one\n"), e[2]], "is not the file that was collected"),
        (lambda e: [e[0], e[2], e[1]], "another order"),
        (lambda e: [*e[1:], e[0]], "not its first file"),
        (lambda e: [], "not its first file"),
        (lambda e: [("manifest.json", b"[]"), *e[1:]], "does not have format"),
        (lambda e: [("manifest.json", b'{"format": 1, "files": [1]}'), *e[1:]], "is not a valid manifest"),
        (lambda e: [("manifest.json", b"{"), *e[1:]], "cannot be read"),
        (lambda e: [(e[0][0], e[0][1].replace(b'"contents_sha256": "', b'"contents_sha256": "0')), *e[1:]], "contents"),
    ],
)
def test_what_is_sealed_anew_is_found_where_it_contradicts_its_manifest(tmp_path, change, fault):
    forged = resealed(tmp_path / "forged", change(entries_of(small(tmp_path).path)))
    problems = verify(forged).problems
    assert any(fault in problem for problem in problems), problems


def test_a_manifest_beyond_all_measure_is_not_read(tmp_path, monkeypatch):
    made = small(tmp_path)
    monkeypatch.setattr("service.evidence.verify.MAX_MANIFEST", 10)
    assert verify(made.path).problems == ("manifest.json is larger than any that this program writes",)


def test_the_same_name_twice_is_found(tmp_path):
    entries = entries_of(small(tmp_path).path)
    with pytest.warns(UserWarning, match="Duplicate"):
        forged = resealed(tmp_path / "forged", [*entries, entries[1]])
    assert "a file is in it twice" in verify(forged).problems


def test_bytes_between_the_files_are_found_even_under_a_new_seal(tmp_path):
    forged = resealed(tmp_path / "forged", entries_of(small(tmp_path).path), prefix=b"hidden")
    assert any("belong to no file" in problem or "follow" in problem for problem in verify(forged).problems)


def with_manifest(entries, **changes):
    """The same files under a manifest that was changed and is right in itself but for that."""
    manifest = json.loads(entries[0][1]) | changes
    return [(entries[0][0], json.dumps(manifest).encode()), *entries[1:]]


@pytest.mark.parametrize(
    "name", ["../escaped", "/etc/passwd", "logs/../../x", "C:\\x", "logs/a\x1b[31m", "logs/\u202egnp.exe", "logs/con"]
)
def test_a_name_that_is_not_safe_to_unpack_is_refused(tmp_path, name):
    manifest, first, *others = entries_of(small(tmp_path).path)
    manifest_json = json.loads(manifest[1])
    files = [{**manifest_json["files"][0], "path": name}, *manifest_json["files"][1:]]
    contents = contents_digest([(file["path"], file["sha256"]) for file in files])
    entries = with_manifest([manifest, (name, first[1]), *others], files=files, contents_sha256=contents)
    (problem,) = verify(resealed(tmp_path / "forged", entries)).problems
    assert "is not a safe name" in problem
    assert problem.isprintable()


def test_a_file_that_unpacks_past_its_declared_size_is_refused(tmp_path):
    """Its declared part is right, and so Python's own reader stops there and sees nothing."""
    path = resealed(tmp_path / "forged", entries_of(small(tmp_path).path))
    with zipfile.ZipFile(path) as archive:
        content, entry = archive.read(archive.infolist()[1]), archive.infolist()[1]
    forged = forged_entry(path, entry, content + b"and more that nobody checked")
    with zipfile.ZipFile(forged) as archive:
        assert archive.read(entry.filename) == content
    assert verify(forged).problems == (f"{entry.filename!r} is not the file that was collected",)


def forged_entry(path, entry, content):
    """Pack more into one file than its directory says, right in everything else, under a seal of its own."""
    packing = zlib.compressobj(wbits=-15)
    packed = packing.compress(content) + packing.flush()
    data = path.read_bytes()
    begin = entry.header_offset + 30 + len(entry.filename.encode())
    grown = len(packed) - entry.compress_size
    data = data[:begin] + packed + data[begin + entry.compress_size :]
    moved = bytearray(data)
    size = len(packed).to_bytes(4, "little")
    moved[entry.header_offset + 18 : entry.header_offset + 22] = size
    at = archive_start(path) + grown
    while moved[at : at + 4] == b"PK\x01\x02":
        name = int.from_bytes(moved[at + 28 : at + 30], "little")
        offset = int.from_bytes(moved[at + 42 : at + 46], "little")
        if offset == entry.header_offset:
            moved[at + 20 : at + 24] = size
        elif offset > entry.header_offset:
            moved[at + 42 : at + 46] = (offset + grown).to_bytes(4, "little")
        at += 46 + name
    moved[at + 16 : at + 20] = (archive_start(path) + grown).to_bytes(4, "little")
    body = bytes(moved[:-64])
    forged = path.with_name("grown.zip")
    forged.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    return forged


def archive_start(path):
    with zipfile.ZipFile(path) as archive:
        return archive.start_dir


def test_attributes_that_we_do_not_write_are_found_and_end_the_reading(tmp_path):
    entries = entries_of(small(tmp_path).path)
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(forged, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    seal, fault = verify(forged).problems
    assert "seal" in seal
    assert "other ZIP attributes" in fault


@pytest.mark.parametrize("incident_id", ["../../admin", "INC-1/../../x", "INC-0", "\x1b[2J", 7])
def test_an_incident_id_is_checked_before_anybody_uses_it(tmp_path, incident_id):
    forged = resealed(tmp_path / "forged", with_manifest(entries_of(small(tmp_path).path), incident_id=incident_id))
    verdict = verify(forged)
    assert verdict.problems == ("incident_id is not the id of an incident",)
    assert verdict.incident_id is None


def test_a_forgery_that_is_right_in_itself_is_found_by_the_digest_that_was_recorded(tmp_path):
    made, other = (
        small(tmp_path),
        small(tmp_path / "b", about=evidence_window(incident={"id": "INC-7", "title": "Nothing"})),
    )
    assert verify(other.path).good
    assert verify(other.path, made.sha256).problems == ("its SHA-256 does not match the expected digest",)
    made.path.write_bytes(other.path.read_bytes())
    assert verify(made.path).problems == ("its SHA-256 does not match the one in evidence.zip.sha256",)
    (tmp_path / "evidence.zip.sha256").write_bytes(b"\xff\xfe")
    assert not verify(made.path).good


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path, monkeypatch):
    class Full:
        name = "logs"

        def collect(self, about, files):
            with files.text("app.log") as file:
                full = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123
                file._target, opened = full, file._target
                try:
                    file.write(b"x\n" * 500_000)
                except OSError:
                    pytest.fail("a full disk looks like a file that cannot be read")
                finally:
                    file._target = opened
                    full.close()

    with pytest.raises(NotCollected, match="No space left on device"):
        collected(tmp_path, Full())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_last_step_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_room(target, files):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collecting, "pack", no_room)
    with pytest.raises(NotCollected, match="No space left on device"):
        small(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(NotCollected, match="No such file"):
        collected(tmp_path, name="missing/evidence.zip")
