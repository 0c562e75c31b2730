"""What is timed: each work with the peers that can do it, shared by the suites and `compare.py`."""

from workloads import fill, initialize, matmul, start, train
from workloads.workload import NotInstalled as NotInstalled
from workloads.workload import Workload as Workload

ALL = [
    *fill.WORKLOADS,
    *initialize.WORKLOADS,
    *matmul.WORKLOADS,
    *train.WORKLOADS,
    *start.WORKLOADS,
]
