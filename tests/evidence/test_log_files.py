"""Log files: which lines are kept, what is said of the others, and files that are not what they seem."""

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.sources.log_files import LONGEST_LINE, LogFiles, LogParseOptions
from service.evidence.sources.log_lines import MAX_IDS, instant, parsed, time_of
from service.evidence.sources.logs import LogSource
from tests.evidence.builders import FakeSource, at, evidence_window
from tests.evidence.bundle import bundle

READING = {"time_fields": ("timestamp", "ts"), "zone": UTC, "keep_untimed": True}


def line(when, **fields):
    return json.dumps({"timestamp": when.isoformat() if isinstance(when, datetime) else when, **fields}) + "\n"


def logs(pattern, roots=(), **reading):
    return LogSource([LogFiles([str(pattern)], roots, LogParseOptions(**READING | reading))])


def collect(folder, *lines, name="app.jsonl", about=None, sources=None, **reading):
    where = folder / "logs"
    where.mkdir(exist_ok=True)
    content = "".join(lines).encode() if all(isinstance(piece, str) for piece in lines) else b"".join(lines)
    (where / name).write_bytes(content)
    return bundle(
        folder / "out", logs(where / "*.jsonl*", **reading), *(sources or ()), about=about or evidence_window()
    )


def kept(box, name="app.jsonl"):
    return box.texts[f"logs/files/{name}"].decode()


def test_it_keeps_the_lines_of_the_window_with_both_its_ends(tmp_path):
    times = [at(-15) - timedelta(microseconds=1), at(-15), at(3), at(79), at(79) + timedelta(microseconds=1)]
    box = collect(tmp_path, *[line(when, n=n, component="x") for n, when in enumerate(times)])
    assert [json.loads(line_)["n"] for line_ in kept(box).splitlines()] == [1, 2, 3]
    notes = box.file("logs/files/app.jsonl")["notes"]
    assert notes == {"in the window": 3, "outside of the window": 2, "without any field of the standard": 0}


@pytest.mark.parametrize(
    "form",
    [
        "{at:%Y-%m-%d %H:%M:%S},123 ERROR [main] com.example.Pay - order failed\n",
        '203.0.113.9 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /pay HTTP/1.1" 500 12\n',
        "<34>{at:%b %d %H:%M:%S} host pay[7]: order failed\n",
        'time="{at:%Y-%m-%dT%H:%M:%SZ}" level=error order_id=o-7 msg="order failed"\n',
    ],
    ids=["log4j", "nginx", "syslog", "logfmt"],
)
def test_plain_text_is_read_as_well_as_json(tmp_path, form):
    before, within, after = (form.format(at=at(minutes)) for minutes in (-60, 1, 300))
    box = collect(tmp_path, before, within, "    at Pay.java:12\n", after)
    assert kept(box) == within + "    at Pay.java:12\n"


def test_lines_without_a_time_go_with_the_one_before_them(tmp_path):
    lines = ["head\n", line(at(-60)), "old trace\n", line(at(1)), "Traceback\n", '{"n": 1}\n', line(at(200)), "late\n"]
    box = collect(tmp_path, *lines)
    assert kept(box) == "".join(lines[3:6])
    assert box.file("logs/files/app.jsonl")["notes"]["not JSON"] == 4
    assert box.file("logs/files/app.jsonl")["notes"]["without a time"] == 5


def test_lines_without_a_time_can_be_dropped(tmp_path):
    assert kept(collect(tmp_path, line(at(1)), "Traceback\n", keep_untimed=False)) == line(at(1))


def test_it_reads_rotated_files_that_are_packed(tmp_path):
    packed = gzip.compress(line(at(2)).encode()) + gzip.compress(line(at(3)).encode())
    box = collect(tmp_path, packed, name="app.jsonl.1.gz")
    assert kept(box, "app.jsonl.1") == line(at(2)) + line(at(3))


def test_it_says_that_a_packed_file_is_broken_and_keeps_what_came_before(tmp_path):
    packed = gzip.compress(line(at(2)).encode() * 20_000)
    box = collect(tmp_path, packed[: len(packed) // 2], name="app.jsonl.gz")
    assert "cannot be read to the end" in next(iter(box.failures("logs").values()))


def test_it_writes_no_file_where_no_line_is_of_the_window(tmp_path):
    box = collect(tmp_path, line(at(-100)))
    assert box.manifest["files"] == []
    assert box.source("logs")["complete"]


def test_it_says_that_no_line_has_a_time(tmp_path):
    box = collect(tmp_path, '{"when": "2026-11-23T09:00:00Z"}\n', "plain\n")
    assert "evidence.logs.time_fields" in next(iter(box.failures("logs").values()))


def test_it_leaves_a_file_that_was_last_written_long_before(tmp_path):
    where = tmp_path / "logs"
    where.mkdir()
    (where / "a.jsonl").write_text("no time\n")
    old = at(-15).timestamp() - 7200
    os.utime(where / "a.jsonl", (old, old))
    assert bundle(tmp_path / "out", logs(where / "*.jsonl")).source("logs")["complete"]


def test_it_says_that_a_pattern_matches_nothing(tmp_path):
    box = bundle(tmp_path / "out", logs(tmp_path / "*.nowhere"))
    assert box.failures("logs") == {str(tmp_path / "*.nowhere"): "matches no file"}


def test_times_without_a_zone_are_of_the_one_that_is_configured(tmp_path):
    tokyo = (at(1) + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M:%S,123")
    assert kept(collect(tmp_path, line(tokyo), zone=ZoneInfo("Asia/Tokyo"))) == line(tokyo)
    (tmp_path / "utc").mkdir()
    assert collect(tmp_path / "utc", line(tokyo), zone=UTC).manifest["files"] == []


def test_it_reads_a_file_that_grows_up_to_where_it_was(tmp_path):
    where = tmp_path / "logs"
    where.mkdir()
    path = where / "app.jsonl"
    path.write_text(line(at(1)) * 50_000)
    size = path.stat().st_size

    class Growing(LogParseOptions):
        pass

    source = logs(path)
    reading = source._readers[0]._options

    class Fields(tuple):
        def __iter__(self):
            with path.open("a") as file:
                file.write(line(at(2)))
            return super().__iter__()

    object.__setattr__(reading, "time_fields", Fields(reading.time_fields))
    box = bundle(tmp_path / "out", source)
    assert len(kept(box)) == size
    assert "grew while it was read" in box.file("logs/files/app.jsonl")["truncated"][0]


def test_a_line_of_any_length_takes_little_memory_and_stays_whole(tmp_path):
    long = line(at(1), text="x" * (3 * LONGEST_LINE))
    assert kept(collect(tmp_path, line(at(1)), long, line(at(2)))).replace("\n", "") == (
        line(at(1)) + long + line(at(2))
    ).replace("\n", "")


def test_it_hands_on_ids(tmp_path):
    seen = {}

    def look(_, files):
        seen.update({name: files.shared(name) for name in ("order_id", "correlation_id", "trace_id")})

    lines = [
        line(at(1), order_id="O-1", trace_id="ab"),
        line(at(2), order_id=7, correlation_id=True),
        line(at(300), order_id="no"),
    ]
    collect(tmp_path, *lines, sources=[FakeSource("after", look)])
    assert seen == {"order_id": {"O-1", "7"}, "correlation_id": set(), "trace_id": {"ab"}}


def test_it_says_that_there_are_too_many_ids(tmp_path):
    lines = [line(at(1), order_id=f"O-{number}") for number in range(MAX_IDS + 1)]
    assert "10000 or more different values" in collect(tmp_path, *lines).failures("logs")["order_id"]


def test_it_stops_at_its_bound_with_whole_lines(tmp_path):
    where = tmp_path / "logs"
    where.mkdir()
    (where / "app.jsonl").write_text(line(at(1)) * 40_000)
    box = bundle(tmp_path / "out", logs(where / "*.jsonl"), max_bytes=5000)
    assert box.file("logs/files/app.jsonl")["truncated"]
    assert kept(box).endswith("}\n")
    assert len(kept(box)) <= 5000


def test_the_environment_is_a_label(tmp_path):
    (tmp_path / "prod.jsonl").write_text(line(at(1)))
    box = bundle(tmp_path / "out", logs(tmp_path / "{env}.jsonl"), about=evidence_window(labels={"env": "prod"}))
    assert kept(box, "prod.jsonl") == line(at(1))


def test_it_says_that_the_environment_is_not_known(tmp_path):
    for number, labels in enumerate(({}, {"env": "../x"})):
        box = bundle(tmp_path / str(number), logs(tmp_path / "{env}.jsonl"), about=evidence_window(labels=labels))
        assert "no label env" in box.failures("logs").popitem()[1]


# --- times ----------------------------------------------------------------------------------------------------------

MOMENT = datetime(2026, 11, 23, 9, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T09:00:00.123Z",
        "2026-11-23T18:00:00.123+09:00",
        "2026-11-23T09:00:00.123000000Z",
        "2026-11-23 09:00:00,123",
        MOMENT.timestamp(),
        1795424400123,
        1795424400123000,
        1795424400123000000,
        "1795424400123",
        "1795424400.123",
    ],
)
def test_it_reads_times(value):
    moment = instant(value, UTC)
    assert abs(moment - MOMENT) < timedelta(microseconds=2)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        12,
        -1,
        float("nan"),
        1e30,
        "",
        "soon",
        "12345",
        "0001-01-01T00:00:00+14:00",
        [],
        {},
        "2026-13-01T00:00:00Z",
    ],
)
def test_it_knows_what_is_no_time(value):
    assert instant(value, UTC) is None


def test_it_takes_the_first_field_that_holds_a_time():
    fields = {"timestamp": "soon", "log": {"at": "2026-11-23T09:00:00.123Z"}, "ts": 1}
    assert time_of(fields, ("timestamp", "x.y", "log.at"), UTC) == MOMENT
    assert time_of(fields, ("log.at.deep",), UTC) is None


@given(st.binary(max_size=200))
def test_no_line_breaks_it(given_line):
    fields = parsed(given_line)
    assert fields is None or isinstance(fields, dict)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()))
def test_no_value_breaks_it(value):
    moment = instant(value, UTC)
    assert moment is None or moment.tzinfo is UTC


def test_deep_json_is_no_line():
    assert parsed(b'{"a":' * 100_000) is None


# --- files that are not what they seem -------------------------------------------------------------------------------


def matched_in(folder, pattern, roots=()):
    return bundle(folder / "out", logs(pattern, roots))


@pytest.fixture
def where(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_a_link_to_elsewhere_is_refused(tmp_path, where):
    (tmp_path / "secret").write_text(line(at(1)))
    (where / "a.jsonl").symlink_to(tmp_path / "secret")
    box = matched_in(tmp_path, where / "*.jsonl")
    assert box.manifest["files"] == []
    assert "outside" in box.failures("logs")[str(where / "a.jsonl")]


def test_a_link_of_a_folder_to_elsewhere_is_refused(tmp_path, where):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.jsonl").write_text(line(at(1)))
    (where / "sub").symlink_to(tmp_path / "other")
    assert matched_in(tmp_path, where / "*" / "*.jsonl").manifest["files"] == []


def test_a_link_may_lead_to_a_root_that_is_named(tmp_path, where):
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "0.log").write_text(line(at(1)))
    (where / "a.jsonl").symlink_to(tmp_path / "pods" / "0.log")
    assert kept(matched_in(tmp_path, where / "*.jsonl", [tmp_path / "pods"]), "a.jsonl") == line(at(1))


def test_a_link_inside_of_the_root_is_followed(tmp_path, where):
    (where / "..data").mkdir()
    (where / "..data" / "a").write_text(line(at(1)))
    (where / "a.jsonl").symlink_to("..data/a")
    assert kept(matched_in(tmp_path, where / "*.jsonl"), "a.jsonl") == line(at(1))


def test_pipes_devices_folders_and_broken_links_never_block(tmp_path, where):
    os.mkfifo(where / "pipe.jsonl")
    (where / "folder.jsonl").mkdir()
    (where / "gone.jsonl").symlink_to(where / "nowhere")
    (where / "circle.jsonl").symlink_to(where / "circle.jsonl")
    (where / "good.jsonl").write_text(line(at(1)))
    box = matched_in(tmp_path, where / "*.jsonl")
    assert list(box.texts) == ["logs/files/good.jsonl"]
    assert sorted(Path(what).name for what in box.failures("logs")) == ["circle.jsonl", "gone.jsonl", "pipe.jsonl"]
    assert "not a regular file" in box.failures("logs")[str(where / "pipe.jsonl")]


def test_a_pattern_with_dots_is_refused(tmp_path, where):
    assert "patterns with .. are refused" in matched_in(tmp_path, f"{where}/../*.jsonl").source("logs")["error"]


def test_a_file_that_became_a_pipe_is_refused(tmp_path, where):
    from service.evidence.sources.files import Matched, opened
    from service.evidence.staging import SourceFailed

    os.mkfifo(where / "a")
    with pytest.raises(SourceFailed, match="not a regular file"), opened(Matched(where / "a", where / "a", "a")):
        pass
    (where / "b").symlink_to(where / "a")
    with pytest.raises(SourceFailed, match="cannot be read"), opened(Matched(where / "b", where / "b", "b")):
        pass


def test_a_pattern_that_matches_thousands_is_cut(tmp_path, where, monkeypatch):
    monkeypatch.setattr("service.evidence.sources.files.MAX_FILES", 2)
    for name in "abc":
        (where / f"{name}.jsonl").write_text(line(at(1)))
    box = matched_in(tmp_path, where / "*.jsonl")
    assert len(box.texts) == 2
    assert "more than 2 files" in next(iter(box.failures("logs").values()))
