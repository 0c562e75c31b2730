"""The checks here are for the simulator: `test_simulated.py` runs them in a process under it."""

from minnet.kernels import availability

collect_ignore_glob = [] if availability.simulated() else ["check_*.py"]
