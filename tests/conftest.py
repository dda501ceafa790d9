"""Every test process, and what it starts, reacts to SIGINT, and no property test fails for being slow."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A background job or nohup ignores SIGINT, and every child process inherits that. A handler is not inherited:
# with one, child processes get the default.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine anything can take long. Speed is measured in benchmarks. Every run has other examples.
settings.register_profile(
    "untimed", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
