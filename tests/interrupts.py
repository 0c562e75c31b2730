"""Interrupt a first run, or kill it, at many moments: whoever goes on has the right bits.

    python tests/interrupts.py --moments 200
    python tests/interrupts.py --moments 200 --kill

Each run begins with an empty cache folder: it imports Numba, compiles, launches threads, keeps what
it compiled, and trains a small network. At one moment it gets SIGINT, catches KeyboardInterrupt and
begins its work again; or it is killed. Then another process does the same work with the cache that
was left. A moment is a number of calls that Python has made or come back from, so it is the same in
every run, and SIGINT comes in the middle of whatever Python was doing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LIMIT = 600  # seconds until a process counts as hanging

RUN = """
import hashlib, json, logging, os, signal, sys
import minnet
from minnet import nn

moment, number, matmul = (int(x) for x in sys.argv[1:4])
compiled, happened = [], 0
log = logging.getLogger("minnet.kernels")
log.setLevel(logging.INFO)
log.addFilter(lambda record: compiled.append(record.getMessage()))

def look(frame, event, argument):
    global happened
    if event != "return":  # no signal comes there
        happened += 1
        if happened == moment:
            sys.setprofile(None)
            signal.raise_signal(number)

def work():
    minnet.manual_seed(0)
    if matmul:
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        loss = nn.CrossEntropyLoss()
    else:  # a BLAS has nothing to compile
        minnet.set_matmul("blas")
        net, loss = nn.Linear(4, 1), lambda x, y: (x.T @ x).squeeze()
    optimizer = minnet.optim.SGD(net.parameters(), lr=0.1)
    x, y = minnet.rand(16, 4), minnet.arange(16) % 3
    for _ in range(3):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
    found = [p.detach() for p in net.parameters()] + [minnet.empty(1 << 20).uniform_()]
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in found)).hexdigest()

interrupted = False
sys.setprofile(look if number else None)
try:
    digest = work()
except KeyboardInterrupt:
    interrupted = True
    digest = work()
sys.setprofile(None)
print(json.dumps([interrupted, digest, happened, compiled]))
"""


def run(cache: Path, moment: int, number: int, matmul: bool) -> Any:
    """Return whether the run was interrupted, its digest, its events, and what it compiled."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    env |= {"NUMBA_CACHE_DIR": str(cache), "NUMBA_NUM_THREADS": "2"}
    arguments = [str(int(x)) for x in (moment, number, matmul)]
    command = [sys.executable, "-c", RUN, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT)
    if number == signal.SIGKILL and done.returncode == -signal.SIGKILL:
        return None
    if done.returncode or done.stderr:
        return f"exit {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)


def failures(moments: int, number: int = signal.SIGINT, matmul: bool = True) -> list[str]:
    """Return what went wrong, by moment: nothing, if all is well."""
    with tempfile.TemporaryDirectory() as folder:
        _, expected, events, _ = run(Path(folder), 0, signal.SIGINT, matmul)

    def at(moment: int) -> str | None:
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            first = run(cache, moment, number, matmul)
            if isinstance(first, str):
                return first
            if first is not None and first[:2] != [True, expected]:
                return f"interrupted: {first[0]}, digest as expected: {first[1] == expected}"
            left = [str(f) for f in cache.rglob("*") if f.is_file() and f.suffix != ".nbc"]
            if first is not None and left:
                return f"left {left}"
            then = run(cache, 0, 0, matmul)
            if isinstance(then, str) or then[1] != expected or (first is not None and then[3]):
                return f"the next process: {then}"
            return None

    chosen = [events * (2 * i + 1) // (2 * moments) for i in range(moments)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(at, chosen)
        return [f"event {m} of {events}: {f}" for m, f in zip(chosen, found, strict=True) if f]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--kill", action="store_true", help="SIGKILL instead of SIGINT")
    parser.add_argument("--blas", action="store_true", help="compile less: products by a BLAS")
    options = parser.parse_args()
    number = signal.SIGKILL if options.kill else signal.SIGINT
    wrong = failures(options.moments, number, not options.blas)
    print("\n".join([*wrong, f"{options.moments - len(wrong)} of {options.moments} went on"]))
    raise SystemExit(bool(wrong))
