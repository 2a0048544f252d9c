"""From the outbox to other systems: one thread per receiver that claims, delivers and completes rows."""
