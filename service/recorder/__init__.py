"""Recording of events in the store: one writer, and one transaction for everything queued."""
