"""Documents to be spoiled by tests: a final one that is right in everything, and the same as a draft."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.policy import Severity, Stage
from service.postmortems.context import LintContext
from service.postmortems.document import Document
from service.postmortems.lint import lint
from service.postmortems.reading import read

TOKYO = ZoneInfo("Asia/Tokyo")
NAME = "PM-20250812-do-latency.md"
T0 = datetime(2025, 8, 12, 6, 50, tzinfo=UTC)
DEADLINES = {Severity.SEV_2: {Stage.DRAFT: timedelta(hours=24), Stage.FINAL: timedelta(hours=72)}}

FINAL = """\
# Postmortem — Do 層のレイテンシ悪化 (SEV-2)

**Incident:** INC-7  
**Status:** Final  
**Date/Window:** 2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST  
**Commander:** ops-lead / IC  
**Comms:** comms-lead  
**Domains:** Do, Check  
**Type:** execution, api  
**ADR:** 不要

## 1. 概要（Summary）
- 発注 API の p95 レイテンシが 2 秒を超え、一部の注文が遅延した。
- 現在の状態: 復旧済

## 2. タイムライン（UTC/JST）
- T-5m 2025-08-12 06:45 UTC / 15:45 JST 影響の開始: レイテンシが上がり始めた
- T0 2025-08-12 06:50 UTC / 15:50 JST 検知: `DoLatencyHigh`
- T+5m 2025-08-12 06:55 UTC / 15:55 JST 抑制: `global_trading_pause=true`
- T+80m 2025-08-12 08:10 UTC / 17:10 JST 復旧: 全アラートが解消した
- T+18h 2025-08-13 00:50 UTC / 09:50 JST 草案: PR を作成した
- T+70h 2025-08-15 04:50 UTC / 13:50 JST 確定: レビューを終えた

## 3. 影響評価（Impact）
- KPI: latency p95 2.4 秒、slippage 3 bps
- 財務影響: 軽微（レンジ A）

## 4. 根本原因（RCA）
- **技術**: 接続プールの上限が低く、再接続が集中した
- **運用/人**: 負荷試験のゲートがなかった
- **環境**: ブローカー側のメンテナンスが重なった

## 5. 検出と対応（Detection & Response）
- 検知方法: Alert `DoLatencyHigh`（p95 > 2s が 5 分継続）
- 初動: 5 分で取引を停止した

## 6. 再発防止策（Actions）
| ID | 対策 | Owner | Due | 種別 | 検証/完了条件 | 状態 |
|---|---|---|---|---|---|---|
| [A-01](https://git.example.com/issues/1) | しきい値を動的にする | Obs | 2025-08-20 | Observability | 10 日連続で誤検知ゼロ | 完了 2025-08-19 |
| [A-02](https://git.example.com/issues/2) | キャンセル条件の強化 | Do | 2025-08-22 | Code | 契約テストが通る | 未着手 |

## 7. 付随事項（Follow-ups）
- Runbooks の更新箇所: §4.2

## 8. 添付（Evidence）
- メトリクス: [ダッシュボード](https://grafana.example.com/d/do)
- ログ: evidence/INC-7/logs.json
- トレース: evidence/INC-7/trace.json
- 監査: `/data/audit/2025-08-12/order.json`
- コンフィグ差分: evidence/INC-7/flags.yml

## 9. 学び（Lessons Learned）
- アラートが早く鳴り、停止の判断が速かった。
"""
DRAFT = FINAL.replace("**Status:** Final", "**Status:** Draft")

ENGLISH = """\
# Postmortem — Order latency (SEV-2)

**Incident:** INC-7
**Status:** Final
**Date/Window:** 2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST
**Commander:** ops-lead
**Comms:** comms-lead
**Domains:** Do
**Type:** execution

## Summary
Orders were late.

## Timeline
| When | What |
|---|---|
| 2025-08-12 06:50 UTC / 15:50 JST | Detected by DoLatencyHigh |
| 2025-08-12 06:55 UTC / 15:55 JST | Contained |
| 2025-08-12 08:10 UTC / 17:10 JST | Recovered |

## Impact
- p95 of 2.4 s

## Root cause
- Technical: the pool was too small
- Operational: no load test
- Environmental: none

## Detection and response
- Detected by: alert `DoLatencyHigh`

## Actions
| ID | Action | Owner | Due | Type | Verification |
|---|---|---|---|---|---|
| A-01 | Larger pool, see #12 | Do | 2025-08-20 | Code | load test passes |

## Follow-ups
- none

## Evidence
- Metrics: https://grafana.example.com/d/do
- Logs: logs.json
- Traces: n/a
- Audit: n/a
- Config diff: n/a

## Lessons learned
- Alerting was quick.
"""


def context(**changes) -> LintContext:
    return LintContext(**{"zone": TOKYO, "deadlines": DEADLINES, **changes})


def findings(text: str, name: str = NAME, **changes):
    return lint(read(name, text), context(**changes))


def broken(text: str, name: str = NAME, **changes) -> list[tuple[str, int]]:
    """The rules that are broken, with their lines."""
    return [(finding.rule_id, finding.line) for finding in findings(text, name, **changes)]


def document(text: str = FINAL, name: str = NAME) -> Document:
    return read(name, text)


def line_of(text: str, words: str) -> int:
    """The number of the first line with these words."""
    return next(number for number, line in enumerate(text.split("\n"), start=1) if words in line)


def edited(old: str, new: str, text: str = FINAL) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def filled_in(text: str, stages: str = ".*", at: str = "2025-08-12 22:58 UTC / 2025-08-13 07:58 JST") -> str:
    """The document as people fill it in: the placeholders of the sections whose heading matches, or of all."""
    chapters = text.split("\n## ")
    return "\n## ".join(_filled(c, at) if re.search(stages, c.split("\n")[0]) else c for c in chapters)


def _filled(chapter: str, at: str) -> str:
    chapter = re.sub(r"\{T\+\?m[^{}]*\}", at, chapter).replace("{YYYY-MM-DD}", "2099-12-31")
    chapter = re.sub(r"\{Plan/Do[^{}]*\}", "Do", re.sub(r"\{execution/[^{}]*\}", "api", chapter))
    return re.sub(r"\{[^{}\n]*\}", "340 of 12000, see https://grafana.example.com/d/do", chapter)
