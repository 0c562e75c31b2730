"""Streams: generators derived by name, spawned, copied, saved and forked."""

import copy
import hashlib
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import minnet
from minnet.random import Generator

ENGINES = ["philox", "torch"]


@pytest.fixture(autouse=True)
def default_generator_comes_back():
    with minnet.random.fork_rng():
        yield


def numbers(generator):
    """Return what a generator draws next, of every kind."""
    return [
        minnet.rand(3, generator=generator).tolist(),
        minnet.randn(3, generator=generator).tolist(),
        minnet.randint(1000, (3,), generator=generator).tolist(),
        minnet.randperm(5, generator=generator).tolist(),
        minnet.randn(3, generator=generator).tolist(),
    ]


@pytest.fixture(params=ENGINES)
def generator(request):
    g = Generator(seed=7, engine=request.param)
    minnet.randn(3, generator=g)  # with the torch engine, a second normal waits
    return g


# By name


def test_a_name_gives_a_stream_that_does_not_depend_on_what_was_drawn(generator):
    before = generator.fold_in("fc1.weight")
    after = Generator(seed=7, engine=generator.engine).fold_in("fc1.weight")
    assert before.engine == after.engine == generator.engine
    assert before.draw == 0
    assert numbers(before) == numbers(after)


def test_names_types_seeds_and_engines_give_different_streams():
    seeds = [
        Generator(seed=seed).fold_in(name).initial_seed()
        for seed in (0, 1, 2**32)
        for name in ("", "a", "b", "ab", b"a", b"", "1", b"1", 1, -1, 2**70, "é")
    ]
    assert len(set(seeds)) == len(seeds)
    low = {seed % 2**32 for seed in seeds}  # all that the torch engine makes use of
    assert len(low) == len(seeds)


def test_folding_is_the_documented_hash():
    for name, content in (("é", b"s\xc3\xa9"), (b"\xff", b"b\xff"), (-12, b"i-12")):
        content = (2**40 + 3).to_bytes(8, "little") + content
        expected = hashlib.blake2b(content, digest_size=8, person=b"minnet.fold_in").digest()
        g = Generator(seed=2**40 + 3).fold_in(name)
        assert g.initial_seed() == int.from_bytes(expected, "little")
    assert Generator(seed=0).fold_in("fc1.weight").initial_seed() == 12371604653913157131
    assert Generator().fold_in(np.int8(3)).initial_seed() == Generator().fold_in(3).initial_seed()


def test_folding_nests():
    g = Generator(seed=0)
    a, b = g.fold_in("a").fold_in("b"), g.fold_in("b").fold_in("a")
    assert len({x.initial_seed() for x in (g, a, b, g.fold_in("ab"))}) == 4


@pytest.mark.parametrize("name", [None, 1.5, True, ("a",)])
def test_a_name_of_another_type_is_refused(name):
    with pytest.raises(TypeError, match="fold_in expects a str, bytes or int, got"):
        Generator().fold_in(name)


def test_a_layer_more_does_not_change_the_weights_of_the_others():
    def weights(names):
        g = Generator(seed=0)
        return {n: minnet.empty(4).normal_(generator=g.fold_in(n)).tolist() for n in names}

    few, more = weights(["fc1", "fc2"]), weights(["new", "fc1", "fc2"])
    assert all(more[name] == few[name] for name in few)


def test_streams_are_uncorrelated():
    g = Generator(seed=0)
    streams = np.array(
        [minnet.randn(20_000, generator=g.fold_in(i)).numpy() for i in range(10)]
        + [minnet.randn(20_000, generator=child).numpy() for child in g.spawn(10)]
    )
    correlations = np.corrcoef(streams) - np.eye(20)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(20_000)


# By number


def test_spawned_generators_are_new_each_time(generator):
    children = generator.spawn(3) + generator.spawn(2)
    assert len({child.initial_seed() for child in children}) == 5
    assert all(child.engine == generator.engine and child.draw == 0 for child in children)
    again = Generator(seed=7, engine=generator.engine).spawn(5)
    assert [c.initial_seed() for c in again] == [c.initial_seed() for c in children]
    assert generator.spawn(0) == []


def test_spawning_leaves_the_parents_numbers(generator):
    twin = copy.copy(generator)
    generator.spawn(3)
    assert numbers(generator) == numbers(twin)


def test_seeding_starts_the_children_over(generator):
    first = generator.spawn(1)[0].initial_seed()
    assert generator.manual_seed(7).spawn(1)[0].initial_seed() == first


def test_spawning_a_wrong_number_is_refused(generator):
    with pytest.raises(TypeError, match="spawn expects an int, got float"):
        generator.spawn(1.0)
    with pytest.raises(TypeError, match="spawn expects an int, got bool"):
        generator.spawn(True)
    with pytest.raises(ValueError, match="n_children must be non-negative, got -1"):
        generator.spawn(-1)
    assert generator.spawn(1)[0].initial_seed() == Generator(seed=7).spawn(1)[0].initial_seed()


def test_threads_spawn_different_children(generator):
    found = []
    workers = [threading.Thread(target=lambda: found.extend(generator.spawn(50))) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert len({child.initial_seed() for child in found}) == 200


# State


def test_a_state_goes_on(generator):
    state = generator.get_state()
    assert state.dtype is minnet.uint8 and state.ndim == 1
    expected = numbers(generator)
    assert numbers(generator) != expected
    generator.set_state(state)
    assert numbers(generator) == expected
    other = Generator(seed=0, engine=generator.engine)
    other.set_state(state)
    assert other.initial_seed() == 7 and numbers(other) == expected


def test_a_state_is_a_copy(generator):
    state = generator.get_state()
    expected = state.tolist()
    numbers(generator)
    assert state.tolist() == expected
    twin = copy.deepcopy(generator)
    state.zero_()
    assert numbers(generator) == numbers(twin)


def test_a_philox_state_counts_children():
    g = Generator(seed=1)
    g.spawn(2)
    state = g.get_state()
    third = g.spawn(1)[0].initial_seed()
    other = Generator()
    other.set_state(state)
    assert other.spawn(1)[0].initial_seed() == third


def test_the_layout_of_a_philox_state():
    g = Generator(seed=2**63 + 5)
    minnet.rand(1, generator=g)
    g.spawn(3)
    content = b"philox 1" + b"".join(x.to_bytes(8, "little") for x in (2**63 + 5, 1, 3))
    check = hashlib.blake2b(content, digest_size=8).digest()
    assert g.get_state().numpy().tobytes() == content + check


def damaged(state):
    """Yield states with one thing wrong each, and what is said of it."""
    for at in (0, 8, 20, state.numel() - 1) if state.numel() == 40 else (8, 12, 16, 31):
        wrong = state.clone()
        wrong[at] = 255 - wrong[at].item()
        yield wrong, RuntimeError, "Invalid (philox|mt19937) state"
    yield state[:-1], RuntimeError, f"found the input RNG state size to be {state.numel() - 1}"
    yield minnet.zeros(0, dtype=minnet.uint8), RuntimeError, "size to be 0"
    yield minnet.zeros(state.numel(), dtype=minnet.uint8), RuntimeError, "Invalid"
    yield state.long(), TypeError, r"must be a torch.ByteTensor.*got torch.LongTensor"
    yield state.numpy(), TypeError, r"expected a torch.ByteTensor.*got ndarray"
    yield None, TypeError, r"expected a torch.ByteTensor.*got NoneType"


def test_what_is_no_state_is_refused_and_changes_nothing(generator):
    twin = copy.copy(generator)
    for state, error, text in damaged(generator.get_state()):
        with pytest.raises(error, match=text):
            generator.set_state(state)
        assert generator.initial_seed() == 7
    assert numbers(generator) == numbers(twin)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_of_another_engine_is_refused(engine):
    g, other = (
        Generator(seed=7, engine=engine),
        Generator(seed=3, engine=ENGINES[1 - ENGINES.index(engine)]),
    )
    with pytest.raises(RuntimeError, match="a state of another engine needs a generator with that"):
        g.set_state(other.get_state())
    assert g.initial_seed() == 7


def test_the_default_generators_state(generator):
    minnet.manual_seed(5, engine=generator.engine)
    state = minnet.get_rng_state()
    a = minnet.rand(3)
    minnet.random.set_rng_state(state)
    assert minnet.equal(a, minnet.rand(3))
    assert minnet.equal(minnet.random.get_rng_state(), minnet.get_rng_state())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, Generator.clone_state])
def test_a_copy_goes_on_alone(generator, duplicate):
    generator.spawn(1)
    twin = duplicate(generator)
    assert numbers(twin) == numbers(generator)
    numbers(generator)
    assert numbers(twin) != numbers(generator)
    assert twin.spawn(1)[0].initial_seed() == generator.spawn(1)[0].initial_seed()


def test_a_pickled_generator_goes_on_in_another_process(generator):
    generator.spawn(1)
    program = (
        "import pickle, sys, minnet; g = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "print(minnet.randn(3, generator=g).tolist(), g.spawn(1)[0].initial_seed())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, pickle.dumps(generator).hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = minnet.randn(3, generator=generator).tolist()
    assert run.stdout == f"{expected} {generator.spawn(1)[0].initial_seed()}\n"


def test_a_state_in_a_checkpoint_resumes_the_same_bits(generator, tmp_path):
    pytest.importorskip("safetensors")
    model = minnet.nn.Linear(3, 2)
    path = tmp_path / "checkpoint.safetensors"
    minnet.save({**model.state_dict(), "rng": generator.get_state()}, path)
    expected = numbers(generator)
    loaded = minnet.load(path)
    resumed = Generator(engine=generator.engine)
    resumed.set_state(loaded.pop("rng"))
    assert numbers(resumed) == expected
    model.load_state_dict(loaded)


# Forks


@pytest.mark.parametrize("fork", [minnet.random.fork_rng, minnet.random.fork])
def test_a_fork_gives_the_generator_back(generator, fork):
    default = minnet.manual_seed(5, engine=generator.engine)
    expected = minnet.rand(3)
    minnet.manual_seed(5, engine=generator.engine)
    with fork():
        assert minnet.equal(minnet.rand(3), expected)  # it begins where the generator was
        minnet.manual_seed(0, engine=ENGINES[1 - ENGINES.index(generator.engine)])
        minnet.rand(3)
    assert minnet.random.default_generator() is default
    assert repr(default).startswith(f"<Generator seed=5 engine={generator.engine}")
    assert minnet.equal(minnet.rand(3), expected)


def test_a_fork_gives_the_generator_back_after_an_error():
    minnet.manual_seed(5)
    with pytest.raises(KeyError), minnet.random.fork_rng():
        minnet.rand(3)
        raise KeyError
    assert minnet.random.default_generator().draw == 0


def test_a_fork_that_is_not_enabled_draws_on():
    minnet.manual_seed(5)
    with minnet.random.fork_rng(enabled=False):
        minnet.rand(3)
    assert minnet.random.default_generator().draw == 1


def test_a_fork_has_no_other_devices():
    with pytest.raises(RuntimeError, match="no devices but the CPU"), minnet.random.fork_rng([0]):
        pass
    with minnet.random.fork_rng(devices=[]):
        pass


# Engines by name


def test_the_engine_is_chosen_by_name():
    assert Generator().engine == "philox"
    assert Generator(engine="torch").manual_seed(3).engine == "torch"
    assert minnet.manual_seed(0, engine="torch").engine == "torch"
    assert minnet.manual_seed(0).engine == "philox"  # a seed alone determines the bits
    g = Generator(engine="torch")
    assert g.seed() == g.initial_seed() and g.engine == "torch"


@pytest.mark.parametrize("name", ["mt19937", "", 3, ["torch"]])
def test_an_unknown_engine_is_refused_and_changes_nothing(name):
    default = minnet.manual_seed(5, engine="torch")
    with pytest.raises(ValueError, match=r"engine must be one of 'philox', 'torch', got"):
        minnet.manual_seed(0, engine=name)
    with pytest.raises(ValueError, match="engine must be one of"):
        Generator(engine=name)
    assert (default.initial_seed(), default.engine) == (5, "torch")
    with pytest.raises(ValueError, match="does not fit into 64 bits"):
        minnet.manual_seed(2**64)
    assert (default.initial_seed(), default.engine) == (5, "torch")
    minnet.manual_seed(0)
