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
    },
}
