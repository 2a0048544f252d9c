"""What goes on beside a test: clients that send, scrape or look while it does something else."""

from contextlib import contextmanager


@contextmanager
def meanwhile(threads, over, within=60):
    """Run threads while the block runs; then set the event `over`, and wait for each of them so many seconds."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(within)
