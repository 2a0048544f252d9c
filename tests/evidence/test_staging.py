"""What a source may put into the archive, how much of it, and what the manifest says of it."""

import json
import zipfile

import pytest

from service.evidence.staging import SourceFailed
from tests.evidence.builders import FakeSource, at, collected, text

KEY_ID = "AKIA" + "Q3EGRIJKWXYZ2345"


def read(made):
    with zipfile.ZipFile(made.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop("manifest.json")), files


def test_a_source_is_bounded_and_what_is_cut_off_is_marked(tmp_path):
    def much(_, files):
        with files.text("a.log") as file:
            file.write(b"0123456789\n" * 10)
        with files.text("b.log") as file:
            assert file.full
            file.write(b"more\n")

    manifest, files = read(
        collected(tmp_path, FakeSource("logs", much), FakeSource("audit", text("x", "kept\n")), max_bytes=60)
    )
    assert files == {"logs/a.log": b"0123456789\n" * 5, "logs/b.log": b"", "audit/x": b"kept\n"}
    assert "60 bytes" in manifest["files"][0]["truncated"][0]
    assert manifest["files"][1]["truncated"]
    assert manifest["files"][2]["truncated"] is None
    assert [source["truncated"] for source in manifest["sources"]] == [True, False]
    assert manifest["complete"] is True  # a bound is what was asked for


def test_a_source_may_have_a_bound_of_its_own(tmp_path):
    sources = [FakeSource(name, text("a", "12345\n" * 10)) for name in ("logs", "traces")]
    _, files = read(collected(tmp_path, *sources, bounds={"logs": 12}))
    assert (len(files["logs/a"]), len(files["traces/a"])) == (12, 60)


def test_what_just_fits_is_not_cut(tmp_path):
    manifest, _ = read(collected(tmp_path, FakeSource("logs", text("a", "12345\n")), max_bytes=6))
    assert manifest["files"][0]["truncated"] is None


def test_a_verbatim_file_that_is_too_large_is_cut_and_marked(tmp_path):
    def copy(_, files):
        with files.verbatim("a.bin") as file:
            file.write(b"0123456789" * 10)

    manifest, files = read(collected(tmp_path, FakeSource("audit", copy), max_bytes=25, allow_verbatim=True))
    assert files == {"audit/a.bin": b"0123456789012345678901234"[:25]}
    assert "25 bytes" in manifest["files"][0]["truncated"][0]


def test_half_a_picture_is_left_out(tmp_path):
    def draw(_, files):
        with files.generated("plot.png") as file:
            file.write(b"\x89PNG" * 10)

    manifest, files = read(collected(tmp_path, FakeSource("metrics", draw), max_bytes=20))
    assert files == {"metrics/plot.png": b""}
    assert manifest["files"][0]["truncated"]


def test_a_source_marks_what_it_left_out_itself(tmp_path):
    def give(_, files):
        with files.text("a.log") as file:
            file.add_omission("the file grew while it was read")
            file.add_omission("the file grew while it was read")

    manifest, _ = read(collected(tmp_path, FakeSource("logs", give)))
    assert manifest["files"][0]["truncated"] == ["the file grew while it was read"]


def test_verbatim_files_are_refused_unless_they_are_allowed(tmp_path):
    def copy(_, files):
        with files.verbatim("order.json") as file:
            file.write(f'{{"key": "{KEY_ID}"}}'.encode())

    manifest, files = read(collected(tmp_path, FakeSource("audit", copy)))
    assert files == {}
    assert "--allow-verbatim" in manifest["sources"][0]["error"]
    manifest, files = read(collected(tmp_path / "b", FakeSource("audit", copy), allow_verbatim=True))
    assert files == {"audit/order.json": f'{{"key": "{KEY_ID}"}}'.encode()}
    assert manifest["files"][0]["verbatim"] is True


def test_a_source_fails_alone_and_keeps_what_it_gave(tmp_path):
    def halfway(_, files):
        with files.text("first") as file:
            file.write(b"1\n")
        raise SourceFailed("the server went away")

    def broken(_, files):
        raise ZeroDivisionError

    sources = FakeSource("logs", halfway), FakeSource("traces", broken), FakeSource("audit", text("a", "2\n"))
    manifest, files = read(collected(tmp_path, *sources))
    assert files == {"logs/first": b"1\n", "audit/a": b"2\n"}
    errors = ["the server went away", "failed unexpectedly: ZeroDivisionError", None]
    assert [source["error"] for source in manifest["sources"]] == errors
    assert manifest["complete"] is False


def test_what_is_no_text_is_refused_with_what_to_do(tmp_path):
    manifest, _ = read(collected(tmp_path, FakeSource("configuration", text("a.gz", b"\x1f\x8b\0\0"))))
    assert "verbatim" in manifest["sources"][0]["error"]
    assert "verbatim" in manifest["files"][0]["error"]
    assert manifest["complete"] is False


def test_utf_16_is_read_as_text_and_other_encodings_are_kept(tmp_path):
    sjis = "注文 ".encode("shift_jis") + f"{KEY_ID}\n".encode()
    sources = FakeSource("a", text("x", f"key {KEY_ID}\n".encode("utf-16"))), FakeSource("b", text("y", sjis))
    _, files = read(collected(tmp_path, *sources))
    assert files["a/x"] == b"key [AWS access key removed]\n"
    assert files["b/y"] == "注文 ".encode("shift_jis") + b"[AWS access key removed]\n"


def test_no_secret_gets_into_the_manifest_or_a_name(tmp_path):
    def leaky(_, files):
        notes = {"seen": [KEY_ID, 1, None], KEY_ID: {"at": at(0), "names": {KEY_ID}}, "other": object}
        with files.text(f"{KEY_ID}.log", query=f"id = '{KEY_ID}'", notes=notes) as file:
            file.add_omission(f"no {KEY_ID}")
            assert file.clean(f"x {KEY_ID}") == "x [AWS access key removed]"
        files.add_failure(KEY_ID, f"because of {KEY_ID}")
        raise SourceFailed(f"at last {KEY_ID}")

    made = collected(tmp_path, FakeSource("logs", leaky))
    manifest, _ = read(made)
    assert KEY_ID.encode() not in made.path.read_bytes()
    assert KEY_ID not in json.dumps(manifest)
    assert manifest["files"][0]["path"] == "logs/[AWS access key removed].log"
    assert manifest["sources"][0]["redactions"]["secret"]["AWS access key"] >= 6


def test_redactions_are_counted_by_kind_and_name(tmp_path):
    content = f"{KEY_ID} {KEY_ID}\ntaro.yamada@corp.co.jp\n"
    manifest, _ = read(collected(tmp_path, FakeSource("logs", text("a", content))))
    expected = {"personal data": {"mail address": 1}, "secret": {"AWS access key": 2}}
    assert manifest["files"][0]["redactions"] == manifest["sources"][0]["redactions"] == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../../etc/passwd", "a/_/_/etc/passwd"),
        ("/var/log/app.log", "a/var/log/app.log"),
        ("./x//y", "a/x/y"),
        ("C:\\temp\\a?.log", "a/C__temp_a_.log"),
        ("aux.txt", "a/_aux.txt"),
        ("nul\0\n", "a/nul__"),
        ("", "a/_"),
        ("x" * 300 + ".log", "a/" + "x" * 116 + ".log"),
        ("x" * 300, "a/" + "x" * 120),
    ],
)
def test_names_stay_below_their_folder(tmp_path, path, name):
    _, files = read(collected(tmp_path, FakeSource("a", text(path, "1\n"))))
    (kept_path,) = files
    assert kept_path == name


def test_two_files_of_one_name_are_both_there(tmp_path):
    def twice(_, files):
        for name in ("a.log", "A.log", "a.log", "plain", "plain"):
            with files.text(name) as file:
                file.write(b"1\n")

    _, files = read(collected(tmp_path, FakeSource("logs", twice)))
    assert list(files) == ["logs/a.log", "logs/A~2.log", "logs/a~3.log", "logs/plain", "logs/plain~2"]


def test_what_is_found_by_one_source_is_known_to_the_next(tmp_path):
    seen = []

    def find(_, files):
        files.share("order_id", frozenset({"1"}))
        files.share("order_id", frozenset({"2"}))

    sources = FakeSource("logs", find), FakeSource("audit", lambda _, files: seen.append(files.shared("order_id")))
    collected(tmp_path, *sources, FakeSource("x", lambda _, files: seen.append(files.shared("nothing"))))
    assert seen == [{"1", "2"}, frozenset()]
