"""What the service costs, measured side by side in one run (docs/performance.md); no part of the service itself."""
