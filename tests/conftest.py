"""Every test process, and what it starts, reacts to SIGINT."""

from __future__ import annotations

import signal

# A background job or nohup ignores SIGINT, and every child process inherits that. A handler is not inherited:
# with one, child processes get the default.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
