"""The checks here are for the simulator: `test_simulated.py` runs them in a process under it.

There a kernel is NumPy's scalars in Python, which warn of infinities and NaN that are meant.
"""

import pytest

from minnet.kernels import availability

collect_ignore_glob = [] if availability.simulated() else ["check_*.py"]


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"))
