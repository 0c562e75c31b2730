"""What is timed: each work with the peers that can do it, shared by the suites and `report.py`."""

from workloads import fill, initialize, matmul, memory, start, train
from workloads.workload import NotInstalled as NotInstalled
from workloads.workload import Workload as Workload

ALL = [
    *fill.WORKLOADS,
    *initialize.WORKLOADS,
    *matmul.WORKLOADS,
    *train.WORKLOADS,
    *memory.WORKLOADS,
    *start.WORKLOADS,
]
