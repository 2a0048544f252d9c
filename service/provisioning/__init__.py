"""What the package ships beside its code: dashboards and alert rules."""
