"""The sources of evidence: one adapter each, all optional, each failing alone."""
