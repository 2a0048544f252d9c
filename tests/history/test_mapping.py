"""Other people's columns: mapped, left out, doubled, inside objects and arrays, and spread over many lines."""

import json
from zoneinfo import ZoneInfo

import pytest

from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.history.importing.parsing import Format
from service.history.importing.paths import NoPath, parse_path, reach, without
from tests.history.importing import error_of, event_times, exported, import_line, incident, read

AT, LATER, LAST = "2026-11-20T10:00:00Z", "2026-11-20T10:30:00Z", "2026-11-20T11:00:00Z"
DAY = "2026-11-20T"


def events(*args, **how):
    """The milestones of one line, without what an import adds by itself."""
    return {
        name: at.removeprefix(DAY)
        for name, at in event_times(import_line(*args, **how)).items()
        if "postmortem" not in name
    }


def test_a_column_that_is_mapped_means_only_what_the_mapping_says():
    line = ("id,started_at,resolved_at,severity", f"r1,{AT},{LATER},SEV-2")
    imported = incident(import_line(*line, columns={"id": "key", "started_at": "detected_at"}))
    assert Milestone.STARTED not in imported.milestones
    assert imported.milestones[Milestone.DETECTED].isoformat() == "2026-11-20T10:00:00+00:00"
    mitigated = events(*line, columns={"id": "key", "started_at": "detected_at", "resolved_at": "mitigated_at"})
    assert set(mitigated) == {"detected", "mitigated", "stale"}


def test_one_of_our_columns_that_is_mapped_is_not_read_under_its_own_name():
    line = ("key,detected_at,severity,priority", f"1,{AT},3 - Low,")
    assert incident(import_line(*line, columns={"priority": "severity"})).severity is Severity.SEV_3  # the default


def test_a_column_may_be_mapped_to_a_label():
    line = {"key": "1", "detected_at": "2026-10-01T09:00:00Z", "labels": {"team": "shop"}, "Owner": {"name": "web"}}
    (past,) = read(json.dumps(line), columns={"Owner.name": "label.team"}).incidents
    assert dict(past.events[0].labels) == {"team": "web"}
    (past,) = read(json.dumps({**line, "Owner": {}}), columns={"Owner.name": "label.team"}).incidents
    assert dict(past.events[0].labels) == {"team": "shop"}
    several = {**line, "teams": [{"name": "a"}, {"name": "b"}]}
    (error,) = read(json.dumps(several), columns={"teams.name": "label.team"}).errors
    assert "label.team has several different values" in error.detail
    parsed = read("key,detected_at,label.team,team\n1,2026-10-01T09:00:00Z,a,b\n")
    assert parsed.ignored == ("team",)


def test_a_column_may_be_left_out():
    line = ("key,detected_at,labels,resolved_by", f"1,{AT},no labels of ours,x")
    assert "leave it out with --map labels=-" in error_of(*line)
    assert incident(import_line(*line, columns={"labels": "-"})).labels == {}


def test_a_column_may_mean_two_things_and_two_columns_one():
    pairs = (
        ("opened", "started_at"),
        ("opened", "detected_at"),
        ("resolved", "resolved_at"),
        ("closed", "resolved_at"),
    )
    first = events("key,opened,resolved,closed", f"1,{AT},{LATER},{LAST}", columns=pairs)
    assert first == {"started": "10:00:00", "detected": "10:00:00", "resolved": "10:30:00"}
    assert events("key,opened,resolved,closed", f"1,{AT},,{LAST}", columns=pairs)["resolved"] == "11:00:00"


def test_a_format_does_not_read_what_is_mapped_either():
    incidents = exported("opsgenie.json", form=Format.OPSGENIE, columns={"source": "-"})
    assert incidents["70413a06-38d6-4c85-92b8-5ebc900d42e2"][1].labels == {}


def test_a_mapping_that_no_line_has_is_named():
    text = json.dumps({"key": "1", "detected_at": AT, "severity": {"name": "SEV-1"}})
    parsed = read(text, columns={"severity.name": "severity", "severity.nmae": "title"})
    assert parsed.unmatched == ("severity.nmae",)
    assert incident(parsed.incidents[0]).severity is Severity.SEV_1


# -- doubled columns -------------------------------------------------------------------------------------------------


def test_a_doubled_column_that_nobody_reads_is_nobodys_fault():
    assert import_line("key,detected_at,Comment,Comment", f"1,{AT},a,b").key == "1"


def test_a_doubled_column_keeps_all_of_its_values():
    line = ("key,detected_at,types,types,resolved_at,resolved_at,title,title", f"1,{AT},data,api,{LAST},{LATER},,Disk")
    imported = incident(import_line(*line))
    assert [kind.value for kind in imported.types] == ["data", "api"]
    assert imported.milestones[Milestone.RESOLVED].hour == 11
    assert imported.title == "Disk"
    assert "title has several different values" in error_of("key,detected_at,title,title", f"1,{AT},Disk,Full")


# -- objects and arrays ----------------------------------------------------------------------------------------------

FIELDS = {
    "a.b": "whole name",
    "a": {"b": 1, "c": [{"d": 2}, {"d": 3}]},
    "times": [
        {"type": {"name": "Acked"}, "at": "x", "by": None},
        {"type": {"name": "resolved"}, "at": "y"},
        {"type": {"name": "Resolved"}, "at": "z"},
        "odd",
    ],
    "state": "done",
    "at": "t",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", "whole name"),
        ("a.c.d", (2, 3)),
        ("a.c[0].d", 2),
        ("a.c[-1].d", 3),
        ("a.c[2].d", None),
        ("a.c[-2].d", 2),
        ("a.c[-3].d", None),
        ("times[type.name=acked].at", "x"),
        ("times[type.name=Resolved].at", ("y", "z")),
        ("times[type.name=Resolved][0].at", "y"),
        ("times[type.name=Mitigated].at", None),
        ("times[x].at", None),
        ("at[state=Done]", "t"),
        ("at[state=Open]", None),
        ("at[state=done][a.c[0].d=2]", None),
        ("times.by", None),
        ("state.name", None),
        ("a..b", None),
    ],
)
def test_a_path_leads_into_objects_and_arrays(path, value):
    assert reach(FIELDS, path) == value


@pytest.mark.parametrize("text", ["", ".a", "a.", "a[", "a[b=c", "a]b", "[0]"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(NoPath, match="is not a path such as"):
        parse_path(text)


def test_what_is_mapped_is_taken_out_of_objects_too():
    assert without({"a": {"b": 1, "c": 2}, "d": 3}, "a.b") == {"a": {"c": 2}, "d": 3}
    assert without({"a": [1], "d": 3}, "a.b") == {"a": [1], "d": 3}
    assert without({"a": 1}, "a[b=c]") == {}
    assert without({"a": 1}, "a[") == {"a": 1}


def test_of_several_milestones_the_earliest_counts_and_the_latest_end():
    line = {"id": "1", "log": [{"s": "ack", "at": LATER}, {"s": "ack", "at": AT}, {"s": "done", "at": LATER}]}
    line["log"].append({"s": "done", "at": LAST})
    pairs = (("id", "key"), ("log.at", "detected_at"), ("log[s=ack].at", "acknowledged_at"))
    (past,) = read(json.dumps(line), columns=(*pairs, ("log[s=done].at", "resolved_at"))).incidents
    assert {name: at[11:] for name, at in event_times(past).items() if "postmortem" not in name} == {
        "detected": "10:00:00",
        "acknowledged": "10:00:00",
        "resolved": "11:00:00",
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            [{"id": 1, "name": "bug", "color": "ff0000"}, {"name": "area: checkout"}],
            {"bug": "true", "area": "checkout"},
        ),
        (["urgent", "team=shop"], {"urgent": "true", "team": "shop"}),
        ([{"key": "squad", "value": "x"}, {"name": "n", "value": 3}], {"squad": "x", "n": "3"}),
        ([{"key": {"name": "team"}, "value": {"name": "shop"}}], {"team": "shop"}),
        ([{"key": "tags", "label": "security"}, {"label": "alone"}], {"tags": "security", "alone": "true"}),
        ('[{"name": "bug"}]', {"bug": "true"}),
        ([], {}),
    ],
)
def test_labels_may_be_objects(labels, expected):
    assert incident(read(json.dumps({"key": "1", "detected_at": AT, "labels": labels})).incidents[0]).labels == expected


@pytest.mark.parametrize("labels", [[3], [{}], [{"color": "red"}], {"a": {"b": 1}}])
def test_labels_that_cannot_be_read_may_be_left_out(labels):
    (line,) = read(json.dumps({"key": "1", "detected_at": AT, "labels": labels})).errors
    assert line.detail


# -- a log of updates ------------------------------------------------------------------------------------------------

LOG = (
    "number,state,updated,opened,severity,tags\n"
    "1,New,2026-11-20T10:01:00Z,2026-11-20T10:00:00Z,SEV-3,data\n"
    "2,New,2026-11-20T10:02:00Z,2026-11-20T10:02:00Z,SEV-4,\n"
    "1,Active,2026-11-20T10:10:00Z,2026-11-20T10:00:00Z,SEV-2,api\n"
    "1,Resolved,2026-11-20T10:40:00Z,2026-11-20T10:00:00Z,,\n"
    "1,Resolved,2026-11-20T10:50:00Z,2026-11-20T10:00:00Z,SEV-2,\n"
)
OF_LOG = {
    "number": "key",
    "opened": "detected_at",
    "tags": "types",
    "updated[state=Active]": "acknowledged_at",
    "updated[state=Resolved]": "resolved_at",
}


def test_a_log_of_updates_is_refused_with_a_word_about_how():
    parsed = read(LOG, columns=OF_LOG)
    assert [line.where for line in parsed.errors] == ["a:4", "a:5", "a:6"]
    assert "add --fold" in parsed.errors[0].detail


def test_a_log_of_updates_is_folded():
    parsed = read(LOG, columns=OF_LOG, fold=True)
    first, second = parsed.incidents
    assert not parsed.errors
    assert first.where == "a:2"
    folded = incident(first)
    assert (folded.severity, [kind.value for kind in folded.types]) == (Severity.SEV_2, ["data", "api"])
    assert {m.value: at.isoformat()[11:16] for m, at in folded.milestones.items()} == {
        "detected": "10:00",
        "acknowledged": "10:10",
        "resolved": "10:50",
    }
    assert (second.key, incident(second).severity) == ("2", Severity.SEV_4)


def test_lines_without_a_key_are_not_folded_into_a_good_one():
    parsed = read(f"key,detected_at\n1,{AT}\n,{AT}\n,{AT}\n", fold=True)
    assert [past.key for past in parsed.incidents] == ["1"]
    assert [line.where for line in parsed.errors] == ["a:3", "a:4"]


# -- ServiceNow ------------------------------------------------------------------------------------------------------


def test_the_export_of_servicenow_is_imported():
    """Its `resolved_by` is a person's name, and its `severity` is not the one that is mapped."""
    header = "number,short_description,opened_at,resolved_at,resolved_by,priority,severity"
    line = "INC0000060,Unable to connect,2026-06-12 15:19:57,2026-06-13 21:43:14,Beth Doe,1 - Critical,3 - Low"
    columns = {"number": "key", "short_description": "title", "opened_at": "detected_at", "priority": "severity"}
    how = {"zone": ZoneInfo("UTC"), "severities": {"1 - critical": Severity.SEV_1}}
    past = import_line(header, line, columns=columns, **how)
    imported = incident(past)
    assert (imported.severity, imported.resolution_source) == (Severity.SEV_1, ResolutionSource.HUMAN)
    assert (past.key, imported.title) == ("INC0000060", "Unable to connect")
    left_out = incident(import_line(header, line, columns={**columns, "resolved_by": "-"}, **how))
    assert left_out.resolution_source is ResolutionSource.ALERTS
