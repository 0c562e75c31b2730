"""The torch engine: torch's numbers to the bit, beside torch itself and from stored answers."""

import importlib
import platform
import sys

import numpy as np
import pytest
import torch_numbers

import minnet
from minnet.random import Generator

X86_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"
REALS = ["float32", "float64"]
MILLION = 1_000_000


@pytest.fixture(autouse=True)
def default_generator_comes_back():
    with minnet.random.fork_rng():
        yield


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    if not X86_LINUX or torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("torch draws other numbers without AVX2")
    return torch


def both(torch, seed):
    torch.manual_seed(seed)
    minnet.manual_seed(seed, engine="torch")


def assert_in_step(torch):
    """Check that both default generators are in the same state."""
    ours, theirs = minnet.get_rng_state().numpy(), torch.get_rng_state().numpy()
    np.testing.assert_array_equal(ours[:5024], theirs[:5024])
    waiting, theirs_waiting = ours[5024:5032].view(float), theirs[5024:5032].view(float)
    np.testing.assert_allclose(waiting, theirs_waiting, rtol=1e-15)
    np.testing.assert_array_equal(ours[5032:], theirs[5032:])


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize("program", torch_numbers.PROGRAMS)
def test_programs_give_the_stored_answers(library, program, request):
    if library == "torch":
        request.getfixturevalue("torch")
    for seed in torch_numbers.SEEDS:
        answer = torch_numbers.draw(importlib.import_module(library), program, seed)
        assert torch_numbers.digest(answer) == torch_numbers.known()[program][str(seed)], seed


def test_every_stored_answer_is_tested():
    assert set(torch_numbers.known()) == set(torch_numbers.PROGRAMS)


MILLIONS = {
    "rand": lambda x: x.uniform_(),
    "uniform": lambda x: x.uniform_(-0.3, 0.7),
    "randn": lambda x: x.normal_(),
    "normal": lambda x: x.normal_(0.3, 1.7),
    "normals in pairs": lambda x: x[::2].normal_(0.3, 1.7),
    "bernoulli": lambda x: x.bernoulli_(0.3),
    "exponential": lambda x: x.exponential_(1.3),
    "random": lambda x: x.random_(),
    "randint": lambda x: x.random_(-10, 1000),
}


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**63 + 1])
@pytest.mark.parametrize("name", MILLIONS)
def test_a_million_draws_in_float32(torch, name, seed):
    both(torch, seed)
    results = [MILLIONS[name](library.zeros(MILLION + 3)).numpy() for library in (minnet, torch)]
    np.testing.assert_array_equal(*results)
    assert_in_step(torch)


@pytest.mark.parametrize("name", MILLIONS)
def test_a_million_draws_in_float64(torch, name):
    """To the bit where nothing comes from the C library; else within 4 units in the last place.

    Unscaled, as a mean takes leading digits away.
    """
    both(torch, 5)
    draw = MILLIONS[name] if name != "normals in pairs" else lambda x: x[::2].normal_()
    ours, theirs = (
        draw(library.zeros(MILLION + 3, dtype=library.float64)).numpy()
        for library in (minnet, torch)
    )
    if name in ("randn", "normals in pairs", "exponential"):
        assert (np.abs(ours - theirs) <= 4 * np.spacing(np.abs(theirs))).all()
    elif name == "normal":
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)
    else:
        np.testing.assert_array_equal(ours, theirs)
    assert_in_step(torch)


@pytest.mark.parametrize("seed", range(50))
def test_many_seeds_and_sizes_around_blocks(torch, seed):
    both(torch, seed)
    for n in [*range(1, 50), 127, 128, 129, 623, 624, 625]:
        mean, std = seed / 10 - 2, n / 30
        for library_draws in zip(
            *(
                [
                    library.empty(n).normal_(mean, std),
                    library.empty(n).uniform_(mean, mean + std),
                    library.randperm(n),
                    library.empty(n).bernoulli_(n / 1000),
                ]
                for library in (minnet, torch)
            ),
            strict=True,
        ):
            np.testing.assert_array_equal(*(x.numpy() for x in library_draws))
    assert_in_step(torch)


@pytest.mark.parametrize(
    "bounds", [(0, 1, -2, 2), (0.5, 0.1, 0.4, 0.6), (0.1, 0.5, 1.0, 3.0), (0, 1, 1.0, 2.0)]
)
@pytest.mark.parametrize("n", [7, 16, 1001, MILLION])
def test_truncated_normals(torch, n, bounds):
    both(torch, n)
    results = [
        library.nn.init.trunc_normal_(library.empty(n), *bounds).numpy()
        for library in (minnet, torch)
    ]
    np.testing.assert_array_equal(*results)
    assert_in_step(torch)


@pytest.mark.parametrize("n", [1, 1000, MILLION])
def test_permutations(torch, n):
    both(torch, 3)
    np.testing.assert_array_equal(minnet.randperm(n).numpy(), torch.randperm(n).numpy())
    assert_in_step(torch)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 100_001])
def test_small_floats(torch, name, n):
    """minnet's generator fills arrays of these, whether or not tensors hold them."""
    if name == "bfloat16":
        dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    else:
        dtype = np.dtype(np.float16)
    g, theirs = Generator(seed=1, engine="torch"), torch.Generator().manual_seed(1)
    fills = {
        "uniform": lambda x: x.uniform_(-0.3, 0.7, generator=theirs),
        "normal": lambda x: x.normal_(-0.3, 0.7, generator=theirs),
        "bernoulli": lambda x: x.bernoulli_(0.3, generator=theirs),
        "exponential": lambda x: x.exponential_(0.7, generator=theirs),
        "integers": lambda x: x.random_(generator=theirs),
    }
    arguments = {"bernoulli": (0.3,), "exponential": (0.7,), "integers": ()}
    for fill, torch_fill in fills.items():
        x = np.empty(n, dtype)
        getattr(g, fill)(x, *arguments.get(fill, (-0.3, 0.7)))
        expected = torch_fill(torch.empty(n, dtype=getattr(torch, name))).float().numpy()
        np.testing.assert_array_equal(x.astype(np.float32), expected)
    for bounds in ((0.0, 1.0, -2.0, 2.0), (0.1, 0.5, 1.0, 3.0)):
        x = np.empty(n, dtype)
        g.trunc_normal(x, *bounds)
        expected = torch.empty(n, dtype=getattr(torch, name))
        torch.nn.init.trunc_normal_(expected, *bounds, generator=theirs)
        np.testing.assert_array_equal(x.astype(np.float32), expected.float().numpy())
    np.testing.assert_array_equal(g.get_state().numpy()[:5024], theirs.get_state().numpy()[:5024])


def test_orthogonal_matrices(torch):
    """The normals are equal; the decomposition is LAPACK's on both sides."""
    for shape in [(20, 30), (30, 20), (8, 3, 5)]:
        both(torch, 1)
        results = [
            library.nn.init.orthogonal_(library.empty(*shape)).numpy()
            for library in (minnet, torch)
        ]
        np.testing.assert_allclose(*results, atol=1e-5)
        assert_in_step(torch)


def test_states_travel_both_ways(torch):
    both(torch, 9)
    minnet.randn(5), torch.randn(5)  # a normal waits
    assert_in_step(torch)
    minnet.manual_seed(1, engine="torch")
    minnet.set_rng_state(minnet.from_numpy(torch.get_rng_state().numpy()))
    assert minnet.initial_seed() == 9
    np.testing.assert_array_equal(minnet.randn(700).numpy(), torch.randn(700).numpy())
    minnet.randn(3)
    torch.set_rng_state(torch.from_numpy(minnet.get_rng_state().numpy()))
    assert torch.initial_seed() == 9
    np.testing.assert_array_equal(minnet.randn(5).numpy(), torch.randn(5).numpy())
    assert_in_step(torch)


@pytest.mark.parametrize("fill", ["uniform", "normal", "trunc_normal", "bernoulli", "integers"])
def test_a_fill_cannot_start_in_the_middle(fill):
    g = Generator(seed=0, engine="torch")
    array = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"start=5; the philox engine can"):
        getattr(g, fill)(array, start=5)
    assert g.draw == 0 and not array.any()


def test_words_are_counted():
    g = Generator(seed=0, engine="torch")
    minnet.rand(5, generator=g)
    minnet.randn(3, generator=g)  # two pairs of four words each
    assert g.draw == 13 and repr(g) == "<Generator seed=0 engine=torch words=13>"


def test_many_python_threads_draw_each_word_once():
    import threading

    g = Generator(seed=0, engine="torch")
    drawn = []

    def work():
        for _ in range(200):
            drawn.append(minnet.rand(701, generator=g).numpy())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    expected = minnet.rand(800 * 701, generator=Generator(seed=0, engine="torch"))
    by_bytes = sorted(x.tobytes() for x in drawn)
    assert by_bytes == sorted(x.tobytes() for x in expected.numpy().reshape(800, 701))


# The flagship: a network, its batches and its dropout follow torch's loss

# Every 20th loss of `losses(torch, 200)`.
LOSSES = [
    1.581376,
    1.135323,
    0.9598504,
    0.7790447,
    0.8008742,
    0.5381275,
    0.4960875,
    0.7061794,
    0.8286559,
    0.5045584,
]


def losses(library, steps):
    """Train Linear-ReLU-Dropout-Linear under one seed and return the losses."""
    if library.__name__ == "minnet":
        data = library.data
        library.manual_seed(123, engine="torch")
    else:
        data = library.utils.data
        library.manual_seed(123)
    nn = library.nn
    x = library.rand(500, 20)
    y = (x @ library.randn(20, 5)).argmax(dim=1)
    train, held_out = data.random_split(data.TensorDataset(x, y), [450, 50])
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 5))
    optimizer = library.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = data.DataLoader(train, batch_size=32, shuffle=True)
    found = []
    while True:
        model.train()
        for a, b in loader:
            loss = nn.functional.cross_entropy(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
            if len(found) == steps:
                return found
        model.eval()
        with library.no_grad():  # a loader that does not shuffle draws too
            for a, b in data.DataLoader(held_out, batch_size=50):
                nn.functional.cross_entropy(model(a), b)


def test_training_follows_torch(torch):
    ours, theirs = losses(minnet, 200), losses(torch, 200)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("library", ["minnet", "torch"])
def test_training_follows_the_stored_losses(library, request):
    if library == "torch":
        request.getfixturevalue("torch")
    found = losses(importlib.import_module(library), 200)
    np.testing.assert_allclose(found[::20], LOSSES, rtol=1e-4)
    assert np.mean(found[-14:]) < found[0] / 2
