"""The yardstick: a Flask route that reads a webhook and keeps nothing, under Granian as Flask is usually served."""

from flask import Flask, request

app = Flask(__name__)


@app.post("/webhooks/alertmanager")
def receive() -> dict[str, int]:
    """Take a notification."""
    return {"alerts": len(request.get_json()["alerts"])}


@app.get("/-/ready")
def ready() -> str:
    """Answer the benchmark's probe."""
    return "ready"
