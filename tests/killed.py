"""A process that is killed again and again at random moments, while it does one thing."""

import itertools
import os
import random
import signal
import time
import warnings


def killed_while(action, times, seed, within=0.02):
    """Run `action(0), action(1), …` in child processes; yield after the death of each of `times`.

    A child is killed with SIGKILL, at most `within` seconds after its first `action` has ended.
    """
    delays = random.Random(seed)
    for _ in range(times):
        started, start = os.pipe()
        with warnings.catch_warnings():
            # Python warns of threads. The child runs none of their code, and does not live long.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                for number in itertools.count():
                    action(number)
                    if number == 0:
                        os.write(start, b"!")
            finally:
                os._exit(1)
        os.close(start)
        assert os.read(started, 1) == b"!", "the action failed in the child"
        os.close(started)
        time.sleep(delays.uniform(0, within))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "the action failed in the child"
        yield
