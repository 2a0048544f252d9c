"""Bundling what the standard asks for as evidence of an incident: redacted, hashed, verifiable (sections 5 and 9)."""
