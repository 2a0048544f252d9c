"""Starts that have to be refused."""

import subprocess


def refused_start(exporter):
    """Start an exporter that has to refuse; returns what it said, which is one line and no trace."""
    how = {"env": exporter.environment(), "cwd": exporter.home, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(exporter.command(), check=False, **how)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if "cannot start" in line)
    return line
