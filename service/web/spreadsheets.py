"""Answers that are CSV files."""

from flask import Response


def csv_response(name: str, text: str) -> Response:
    """Return it as a file; the byte order mark tells spreadsheets that it is UTF-8."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(f"\ufeff{text}", headers=headers, mimetype="text/csv")
