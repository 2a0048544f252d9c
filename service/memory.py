"""What the process freed, and the C library kept for later."""

import ctypes


def give_back() -> None:
    """Give memory that is free back to the system, where the C library is glibc; others keep less.

    Reading a large window or writing a month's report frees tens of megabytes, between what lives on.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
