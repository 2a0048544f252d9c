"""Numbers that no JSON reader should take."""

import pytest

from service.intake.wire import PayloadError, _finite


def test_a_number_beyond_all_floats_is_refused():
    with pytest.raises(PayloadError, match="out of range"):
        _finite("1e999")
