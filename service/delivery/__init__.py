"""From the outbox to other systems: one thread that claims, delivers and settles, in steps small enough to stop."""
