"""Draw docs/images/verdicts.png: how often a p95 target is called missed, in simulated windows.

Run `python docs/draw_verdicts.py`. The windows, and the functions of the service that judge them, are those of
tests/domain/test_rates.py.
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))
from tests.domain.windows import P95_SHARE, alarms, true_quantile  # noqa: E402 - not installed

INCIDENTS = (3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 25, 30, 40, 50, 60, 80, 100)
NUMBER = 4000
CASES = {
    "nothing is wrong:\nthe true p95 is 20 % below the target": 1.25,
    "just met:\nthe true p95 is the target": 1.0,
    "missed by far:\nthe true p95 is five times the target": 0.2,
}


def draw(path: Path) -> None:
    """Draw the rates of both rules for each case, side by side."""
    figure, axes = plt.subplots(1, len(CASES), figsize=(10, 3.2), sharey=True, layout="constrained")
    for axis, (title, ratio) in zip(axes, CASES.items(), strict=True):
        rates = [alarms(n, NUMBER, ratio * true_quantile(P95_SHARE)) for n in INCIDENTS]
        axis.plot(INCIDENTS, [above for _, above in rates], color="#c4162a", label="the p95 is above the target")
        axis.plot(INCIDENTS, [missed for missed, _ in rates], color="#1f60c4", label="the verdict is missed")
        axis.set(title=title, xscale="log", xlabel="incidents in the window", ylim=(0, 1))
        axis.set_xticks([3, 5, 10, 20, 50, 100], labels=["3", "5", "10", "20", "50", "100"], minor=False)
        axis.minorticks_off()
        axis.yaxis.set_major_formatter("{x:.0%}")
        axis.grid(alpha=0.3)
        axis.title.set_fontsize(10)
    axes[0].set_ylabel("windows with an alert")
    axes[0].legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    draw(DOCS / "images/verdicts.png")
