"""The four dashboards as Python; `../generate.py` writes them. Never imported by the service."""
