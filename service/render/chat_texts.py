"""What the buttons of messages are called, and what the service answers to a person in the chat, by language."""

from collections.abc import Mapping

ChatTexts = Mapping[str, str]

CHAT_TEXTS: Mapping[str, ChatTexts] = {
    "en": {
        "acknowledge": "Acknowledge",
        "mitigated": "Mitigated",
        "resolve": "Resolve…",
        "severity": "Severity…",
        "confirm.resolve": "Is {incident} resolved? It ended with its alerts, or ends now if they still fire.",
        "confirm.yes": "Resolve",
        "confirm.no": "Cancel",
        "phase.detected": "detected",
        "phase.acknowledged": "acknowledged",
        "phase.mitigated": "mitigated",
        "phase.resolved": "resolved",
        "phase.dismissed": "dismissed",
        "state": "{incident} is {phase}; nothing was recorded.",
        "unknown": "{incident} is not in the database (any more); nothing was recorded.",
        "refused": "Not recorded: {detail}",
        "again": "Not recorded: the database does not answer at the moment. Please try again.",
        "help": "`/mttx list` open incidents\n"
        "`/mttx status INC-7` where an incident stands\n"
        "`/mttx ack INC-7` acknowledge it; several at once: `/mttx ack INC-7 INC-8`\n"
        "`/mttx note INC-7 TEXT` add a note\n"
        "`/mttx open SEV-2 TITLE` open an incident; without a severity it is {severity}\n"
        "`/mttx postmortem INC-7` what is due, and the document",
        "acknowledged": "{incident} acknowledged.",
        "noted": "Noted in {incident}.",
        "opened": "{incident} opened as {severity}.",
        "none": "No incident is open.",
        "more": "… and older ones",
        "draft": "Postmortem draft",
        "final": "Final version",
        "due": "{stage}: due by {at}",
        "done": "{stage}: done",
        "nothing due": "No postmortem is due.",
        "snooze.3600": "Snooze 1 h",
        "snooze.86400": "Snooze 1 d",
        "snoozed": "Snoozed until {at}",
        "review": "{incident} reviewed",
        "reviewed": "✓ {incident} reviewed",
    },
    "ja": {
        "acknowledge": "初動",
        "mitigated": "抑制",
        "resolve": "復旧…",
        "severity": "重大度…",
        "confirm.resolve": "{incident} を復旧として記録しますか。アラートが終了済みならその時刻、"
        "そうでなければ現在の時刻になります。",
        "confirm.yes": "復旧にする",
        "confirm.no": "キャンセル",
        "phase.detected": "検知",
        "phase.acknowledged": "初動",
        "phase.mitigated": "抑制",
        "phase.resolved": "復旧",
        "phase.dismissed": "対象外",
        "state": "{incident} の状態は「{phase}」のため、何も記録していません。",
        "unknown": "{incident} はデータベースにないため、何も記録していません。",
        "refused": "記録していません: {detail}",
        "again": "記録していません。データベースが一時的に応答しません。もう一度お試しください。",
        "help": "`/mttx list` 対応中のインシデント\n"
        "`/mttx status INC-7` インシデントの状況\n"
        "`/mttx ack INC-7` 初動を記録（複数可: `/mttx ack INC-7 INC-8`）\n"
        "`/mttx note INC-7 本文` メモを追加\n"
        "`/mttx open SEV-2 タイトル` インシデントを起票（重大度を省略すると {severity}）\n"
        "`/mttx postmortem INC-7` ポストモーテムの期限と文書",
        "acknowledged": "{incident} の初動を記録しました。",
        "noted": "{incident} にメモを追加しました。",
        "opened": "{incident} を {severity} で起票しました。",
        "none": "対応中のインシデントはありません。",
        "more": "… それ以前のものは省略",
        "draft": "ポストモーテム草案",
        "final": "確定版",
        "due": "{stage}: 期限 {at}",
        "done": "{stage}: 完了",
        "nothing due": "期限のあるポストモーテムはありません。",
        "snooze.3600": "1時間後に再通知",
        "snooze.86400": "1日後に再通知",
        "snoozed": "{at} に再通知します",
        "review": "{incident} をレビュー済みにする",
        "reviewed": "✓ {incident} はレビュー済み",
    },
}
