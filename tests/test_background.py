"""Repeated work in a thread: it goes on after errors, and stops."""

from threading import Event

from service.background import BackgroundLoop


class Steps:
    """Returns or raises these one after the other, then False; `done` is set after all of them."""

    def __init__(self, *results):
        self.results, self.calls, self.done = list(results), 0, Event()

    def __call__(self):
        self.calls += 1
        if not self.results:
            self.done.set()
            return False
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def test_it_takes_steps_at_once_while_there_is_more():
    steps = Steps(True, True)
    loop = BackgroundLoop("loop", steps, pause=3600)
    loop.start()
    assert steps.done.wait(10)
    assert loop.stop()
    assert steps.calls == 3


def test_it_goes_on_after_an_error(caplog):
    steps = Steps(ValueError("a bug"))
    loop = BackgroundLoop("loop", steps, pause=0.001)
    loop.start()
    assert steps.done.wait(10)
    assert loop.stop()
    assert "ValueError: a bug" in caplog.text


def test_it_can_wait_before_the_first_step():
    steps = Steps()
    loop = BackgroundLoop("loop", steps, pause=3600, delayed=True)
    loop.start()
    assert loop.stop()
    assert steps.calls == 0


def test_it_says_that_a_step_takes_too_long():
    hold = Event()
    loop = BackgroundLoop("loop", lambda: not hold.wait(10), pause=3600)
    loop.start()
    assert not loop.stop(0.01)
    hold.set()
    assert loop.stop()
