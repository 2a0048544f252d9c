"""From events to the store: one writer, one transaction for all that has queued up."""
