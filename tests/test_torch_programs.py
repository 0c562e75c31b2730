"""Programs written for torch run with nothing changed but their imports, and print as there."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import pytest

XAVIER = """
import torch
import torch.nn as nn
import torch.nn.init as init

# A linear layer
linear = nn.Linear(in_features=100, out_features=50)

# Initialize its weights
nn.init.xavier_uniform_(linear.weight)

print(linear.weight)
print(linear)
"""

NET = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)
        self._initialize_weights()

    def _initialize_weights(self):
        nn.init.xavier_uniform_(self.fc1.weight)
        nn.init.zeros_(self.fc1.bias)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = self.fc2(x)
        return x

net = Net()
x = torch.randn(1, 1, 28, 28)
output = net(x)
print(output)
print(net)
"""

APPLY = """
import torch
from torch import nn

torch.manual_seed(0)

def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        m.bias.data.fill_(0.01)

net = nn.Sequential(
    nn.Linear(2, 4),
    nn.ReLU(),
    nn.ModuleDict({"out": nn.Linear(4, 2)})["out"],
)
net.apply(init_weights)
print(net[0].bias)
for name, param in net.named_parameters():
    print(name, param.size(), param.requires_grad)
print(sum(p.numel() for p in net.parameters() if p.requires_grad))
with torch.no_grad():
    net[0].weight.copy_(torch.eye(4)[:, :2])
    net[2].weight.fill_(0.5)
print(net(torch.tensor([[1.0, 2.0]])))
loss = net(torch.ones(3, 2)).pow(2).mean()
print(loss)
loss.backward()
print(net[2].bias.grad)
torch_state = net.state_dict()
print(torch_state.keys())
"""

# The outcome of APPLY needs no random number, so its print is known to the letter.
APPLY_PRINTS = """\
Parameter containing:
tensor([0.0100, 0.0100, 0.0100, 0.0100], requires_grad=True)
0.weight torch.Size([4, 2]) True
0.bias torch.Size([4]) True
2.weight torch.Size([2, 4]) True
2.bias torch.Size([2]) True
22
tensor([[1.5300, 1.5300]], grad_fn=<AddmmBackward0>)
tensor(1.0609, grad_fn=<MeanBackward0>)
tensor([1.0300, 1.0300])
odict_keys(['0.weight', '0.bias', '2.weight', '2.bias'])
"""

# The tutorial's training script, on six prototypes with noise in place of MNIST's files.
TRAIN = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

prototypes = torch.randn(6, 64)
def make(n):
    labels = torch.randint(0, 6, (n,))
    return TensorDataset((prototypes[labels] + torch.randn(n, 64)).reshape(n, 1, 8, 8), labels)

train_loader = DataLoader(make(300), batch_size=32, shuffle=True)
test_loader = DataLoader(make(150), batch_size=100)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8 * 8, 32)
        self.dropout = nn.Dropout(0.1)
        self.fc2 = nn.Linear(32, 6)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)

def train(model, device, train_loader, optimizer):
    model.train()
    total = 0.0
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.cross_entropy(output, target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(data)
    return total / len(train_loader.dataset)

def test(model, device, test_loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            pred = model(data).argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return correct / len(test_loader.dataset)

model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
before = test(model, device, test_loader)
losses = [train(model, device, train_loader, optimizer) for epoch in range(3)]
after = test(model, device, test_loader)
print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, accuracy {before:.2f} -> {after:.2f}")
"""

IMPORTS = {
    "minnet": [
        (r"^from torch\.utils\.data import", "from minnet.data import"),
        (r"^import torch$", "import minnet as torch"),
        (r"^import torch\.(\S+) as", r"import minnet.\1 as"),
        (r"^from torch import", "from minnet import"),
    ],
    "torch": [],
}


def run(program: str, library: str) -> tuple[str, dict[str, Any]]:
    """Return what a program prints, and its names."""
    if library == "torch":
        pytest.importorskip("torch")
    for old, new in IMPORTS[library]:
        program = re.sub(old, new, program, flags=re.MULTILINE)
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "<program>", "exec"), names)
    return printed.getvalue(), names


libraries = pytest.mark.parametrize("library", ["minnet", "torch"])
NUMBER = r" ?-?\d\.\d{4}(?:e[+-]\d\d)?"


@libraries
def test_xavier_uniform_on_a_linear_layer(library: str) -> None:
    printed, names = run(XAVIER, library)
    # Where a weight is near 0 the numbers are scientific, and the lines break elsewhere.
    row = rf"\[{NUMBER}, {NUMBER}, {NUMBER}, \.\.\., {NUMBER}, {NUMBER}, {NUMBER}\]"
    assert re.fullmatch(
        rf"Parameter containing: tensor\(\[{row}, {row}, {row}, \.\.\., {row}, {row}, {row}\], "
        r"requires_grad=True\) Linear\(in_features=100, out_features=50, bias=True\)",
        " ".join(printed.split()),
    )
    assert printed.startswith("Parameter containing:\ntensor([[")
    assert max(map(len, printed.splitlines())) <= 80
    weight = names["linear"].weight.detach()
    bound = (6 / 150) ** 0.5
    assert tuple(weight.shape) == (50, 100)
    assert 0.99 * bound < weight.abs().max().item() <= bound


@libraries
def test_network_with_its_own_initialization(library: str) -> None:
    printed, names = run(NET, library)
    numbers = printed[: printed.index("\nNet(")]
    pattern = rf"tensor\(\[\[(?:{NUMBER},\s+){{9}}{NUMBER}\]\],\s+grad_fn=<AddmmBackward0>\)"
    assert re.fullmatch(pattern, numbers)
    assert max(map(len, numbers.splitlines())) <= 80
    assert printed[len(numbers) + 1 :].splitlines() == [
        "Net(",
        "  (fc1): Linear(in_features=784, out_features=128, bias=True)",
        "  (fc2): Linear(in_features=128, out_features=10, bias=True)",
        ")",
    ]
    assert tuple(names["output"].shape) == (1, 10)
    assert not names["net"].fc1.bias.any()
    assert not names["net"].fc2.bias.any()
    # U(−a, a) with a² = 6/(784 + 128) on inputs of variance 1, through a ReLU.
    hidden = names["net"].fc1(names["x"].flatten(1)).detach()
    assert 0.7 < hidden.std().item() / (784 * 2 / (784 + 128)) ** 0.5 < 1.3


@libraries
def test_initialization_through_apply(library: str) -> None:
    assert run(APPLY, library)[0] == APPLY_PRINTS


@pytest.mark.parametrize(
    "library",
    # That this is a program for torch needs no proof each time; torch.optim is slow to import.
    ["minnet", pytest.param("torch", marks=pytest.mark.slow)],
)
def test_training_script(library: str) -> None:
    printed, names = run(TRAIN, library)
    assert re.fullmatch(
        r"loss \d\.\d{4} -> \d\.\d{4}, accuracy [01]\.\d\d -> [01]\.\d\d\n", printed
    )
    losses = names["losses"]
    assert losses[-1] < 0.5 * losses[0]
    assert names["after"] > 0.7  # chance is 0.17
    assert not names["model"].training


def test_training_repeats_with_its_seed() -> None:
    assert run(TRAIN, "minnet")[0] == run(TRAIN, "minnet")[0]
