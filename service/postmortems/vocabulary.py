"""The names of headings and metadata fields, in Japanese and English."""

import re
from collections.abc import Mapping

from service.postmortems.document import FieldName, SectionKind

_SECTIONS: Mapping[SectionKind, tuple[str, ...]] = {
    SectionKind.SUMMARY: ("概要", "サマリ", "summary"),
    SectionKind.TIMELINE: ("タイムライン", "時系列", "timeline"),
    SectionKind.IMPACT: ("影響", "impact"),
    SectionKind.CAUSE: ("根本原因", "原因分析", "root cause", "rca"),
    SectionKind.DETECTION: ("検出と対応", "検知と対応", "detection"),
    SectionKind.ACTIONS: ("再発防止", "対策", "action"),
    SectionKind.FOLLOW_UPS: ("付随事項", "フォローアップ", "follow-up", "follow up"),
    SectionKind.EVIDENCE: ("添付", "証跡", "evidence", "attachment"),
    SectionKind.LESSONS: ("学び", "教訓", "lesson"),
}
_FIELDS: Mapping[FieldName, tuple[str, ...]] = {
    FieldName.TITLE: ("title", "件名"),
    FieldName.INCIDENT: ("incident", "インシデント"),
    FieldName.STATUS: ("status", "ステータス", "状態"),
    FieldName.SEVERITY: ("severity", "重大度"),
    FieldName.WINDOW: ("date/window", "window", "date", "日時/期間", "日時", "期間", "発生期間"),
    FieldName.ZONE: ("time zone", "timezone", "タイムゾーン"),
    FieldName.OWNER: ("owner", "postmortem owner", "author", "担当", "作成担当", "作成者"),
    FieldName.COMMANDER: ("commander", "incident commander", "指揮", "指揮者"),
    FieldName.COMMS: ("comms", "連絡", "連絡担当"),
    FieldName.DOMAINS: ("domains", "domain", "ドメイン", "領域"),
    FieldName.TYPE: ("type", "types", "種別", "分類"),
    FieldName.ADR: ("adr",),
}
_NUMBER = re.compile(r"^[0-9]{1,3}[.)．）]?\s*")


def section_kind(heading: str) -> SectionKind | None:
    """Return the kind of section that a heading starts; its number and other words are ignored."""
    text = _NUMBER.sub("", heading.strip()).casefold()
    matches = [(text.find(word), kind) for kind, words in _SECTIONS.items() for word in words if word in text]
    return min(matches, key=lambda match: match[0])[1] if matches else None


def field_name(key: str) -> FieldName | None:
    """Return the field that a key names; a colon at its end and spaces around the slash are ignored."""
    text = re.sub(r"\s*([/／])\s*", "/", key.strip().rstrip(":：").strip()).casefold()
    return next((name for name, words in _FIELDS.items() if text in words), None)
