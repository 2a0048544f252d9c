"""The public ids of incidents, such as INC-7, and where their pages are."""

PUBLIC_ID = "INC-([1-9][0-9]{0,17})"
"""The pattern of a public id; its group is the number."""


def public_id(incident_id: int) -> str:
    """Return the public id of an incident."""
    return f"INC-{incident_id}"


def page_url(public_url: str | None, incident_id: int) -> str | None:
    """Return the URL of an incident's page, None without the public URL of the service."""
    return f"{public_url}/incidents/{public_id(incident_id)}" if public_url else None


def incident_id_of(public: str) -> int:
    """Return the id in a valid public id."""
    return int(public.removeprefix("INC-"))
