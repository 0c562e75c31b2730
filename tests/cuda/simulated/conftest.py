"""Under the simulator a kernel is NumPy's scalars in Python, and these warn of what is meant."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"))
