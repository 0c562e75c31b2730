"""`warmup` compiles what training needs, and changes nothing else."""

import os
import subprocess
import sys

import pytest

import minnet

TRAINING = """
import logging, sys
import minnet as torch
from minnet import nn
from minnet.data import DataLoader, TensorDataset, ToFloat
from minnet.data.images import LabelledImages
if sys.argv[1] == "warm":
    torch.warmup()
compiled = []
log = logging.getLogger("minnet.kernels")
log.setLevel(logging.INFO)
handler = logging.Handler()
handler.emit = lambda record: compiled.append(record.getMessage())
log.addHandler(handler)
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
for parameter in model.parameters():
    nn.init.normal_(parameter)
data = TensorDataset(torch.zeros(64, 784), torch.zeros(64, dtype=torch.int64))
for kind in (torch.optim.SGD, torch.optim.Adam):
    optimizer = kind(model.parameters(), lr=0.1)
    for x, y in DataLoader(data, 64, shuffle=True):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
images = LabelledImages(data.tensors[0].numpy().astype("uint8"), data.tensors[1].numpy(), ToFloat())
for x, y in DataLoader(images, 64):
    assert x.dtype == torch.float32
print(*compiled, sep="\\n")
"""


@pytest.mark.slow
def test_after_it_training_compiles_nothing(tmp_path):
    def compiled(how, folder):
        done = subprocess.run(
            [sys.executable, "-c", TRAINING, how],
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / folder)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    assert len(compiled("cold", "a")) > 5
    assert compiled("warm", "b") == [""]


def test_it_leaves_the_generator_and_the_grad_mode_alone():
    minnet.manual_seed(3)
    expected = minnet.rand(4)
    minnet.manual_seed(3)
    with minnet.no_grad():
        minnet.warmup()
        assert not minnet.is_grad_enabled()
    assert minnet.equal(minnet.rand(4), expected)
