"""Generated digits: bit-equal to their twin, the same for any split of the work, and learnable."""

import hashlib

import numpy as np
import pytest
from naive import digits as naive

import minnet
from minnet import kernels
from minnet.data import GeneratedDigits
from minnet.kernels.strokes import GLYPHS, HANDWRITING, KINDS, POINTS, START, STYLES


@pytest.fixture(scope="module")
def train():
    return GeneratedDigits(n=3000)


@pytest.mark.parametrize(("seed", "split"), [(0, 0), (0, 1), (2**64 - 1, 0), (1 << 32, 1)])
def test_bit_equal_to_the_twin(seed, split):
    digits = GeneratedDigits(train=split == 0, n=60, seed=seed)
    for i in range(60):
        image, label = naive.digit(seed, split, i)
        np.testing.assert_array_equal(digits.data.numpy()[i], image)
        assert digits.targets[i].item() == label


def test_known_answer(train):
    # The contract: what an index shows never changes.
    assert train.targets[:12].tolist() == [4, 2, 2, 5, 6, 3, 4, 0, 2, 0, 7, 0]
    assert hashlib.sha256(train.data.numpy().tobytes()).hexdigest() == (
        "9352ab6cab8511d548c5e12587686cc9cd864f0686f71d9f1d71102565dc85d9"
    )


def test_serial_and_parallel_give_the_same_bits(train):
    before = minnet.get_num_threads()
    try:
        minnet.set_num_threads(1)
        alone = GeneratedDigits(n=3000)
    finally:
        minnet.set_num_threads(before)
    module = kernels.of(alone.data.array)
    images, labels = np.empty((3000, 28, 28), np.uint8), np.empty(3000, np.int64)
    module.digits(images, labels, 0, 0)
    for other in (images, alone.data.numpy()):
        np.testing.assert_array_equal(other, train.data.numpy())
    for other in (labels, alone.targets.numpy()):
        np.testing.assert_array_equal(other, train.targets.numpy())


def test_an_image_does_not_depend_on_how_many_there_are(train):
    few = GeneratedDigits(n=40)
    np.testing.assert_array_equal(few.data.numpy(), train.data.numpy()[:40])
    np.testing.assert_array_equal(few.targets.numpy(), train.targets.numpy()[:40])


def test_no_image_comes_twice(train):
    test = GeneratedDigits(train=False, n=1000)
    other = GeneratedDigits(n=1000, seed=1)
    images = np.concatenate([digits.data.numpy() for digits in (train, test, other)])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == 5000


def test_shapes_dtypes_and_lengths(train):
    assert train.data.dtype == minnet.uint8 and train.data.shape == (3000, 28, 28)
    assert train.targets.dtype == minnet.int64 and train.targets.shape == (3000,)
    empty = GeneratedDigits(n=0)
    assert len(empty) == 0 and empty.data.shape == (0, 28, 28)


def test_default_lengths():
    assert len(GeneratedDigits(train=False)) == 10_000


def test_labels_are_balanced_and_the_ink_is_mnists(train):
    counts = np.bincount(train.targets.numpy(), minlength=10)
    assert len(counts) == 10 and abs(counts - 300).max() < 5 * np.sqrt(270)
    pixels = train.data.numpy() / 255
    assert abs(pixels.mean() - 0.1307) < 0.01 and abs(pixels.std() - 0.3081) < 0.03
    assert pixels.max() > 0.95
    rows, columns = np.indices((28, 28))
    for positions in (rows, columns):  # in the middle, as MNIST's are
        centre = (pixels * positions).sum((1, 2)) / pixels.sum((1, 2))
        assert abs(centre.mean() - 13.5) < 0.4 and centre.std() < 1.5


def test_a_nearest_neighbour_reads_most_digits_and_not_all(train):
    images = train.data.numpy().reshape(3000, -1).astype(np.float64) / 255
    labels = train.targets.numpy()
    known, asked = images[:2500], images[2500:]
    distance = (known * known).sum(1) - 2 * asked @ known.T
    right = (labels[:2500][distance.argmin(1)] == labels[2500:]).mean()
    assert 0.8 < right < 0.99


def test_samples_and_transforms():
    digits = GeneratedDigits(
        n=5, transform=lambda image: image.float() / 255, target_transform=lambda label: -label
    )
    plain = GeneratedDigits(n=5)
    image, label = plain[3]
    assert image.dtype == minnet.uint8 and image.shape == (28, 28) and type(label) is int
    assert label == plain.targets[3].item()
    changed, negative = digits[3]
    assert negative == -label
    np.testing.assert_array_equal(changed.numpy(), image.numpy() / np.float32(255))
    with pytest.raises(IndexError):
        plain[5]


def test_printed_form():
    assert repr(GeneratedDigits(train=False, n=5, seed=3)) == (
        "Dataset GeneratedDigits\n    Number of datapoints: 5\n    Seed: 3\n    Split: Test"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": -1}, "n=-1"),
        ({"n": 2**32}, "n=4294967296"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed=18446744073709551616"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GeneratedDigits(**{"n": 1, **options})


def test_handwriting_is_well_formed():
    assert len(HANDWRITING) == 10 and STYLES[-1] == len(GLYPHS) - 1
    assert GLYPHS[-1] == len(POINTS) == len(KINDS)
    assert (POINTS >= 0).all() and (POINTS <= 1).all()
    assert (KINDS[GLYPHS[:-1]] == START).all()
    strokes = np.flatnonzero(KINDS == START)
    assert (np.diff([*strokes, len(KINDS)]) >= 2).all()  # a stroke has a length
