"""The bundled dashboards and alert rules, and their provisioning."""
