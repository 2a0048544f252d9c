"""The whole configuration: `mttx.yml`, overridden by `MTTX_*`, validated as a whole before anything starts."""
