"""`minnet.datasets` and `minnet.transforms`: torchvision's names, arguments and values."""

import gzip
import struct
import subprocess
import sys

import numpy as np
import pytest

import minnet
from minnet import datasets, transforms
from minnet.data import DataLoader, GeneratedDigits
from minnet.data.images import LabelledImages

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([9, 0, 3, 3, 1, 5], np.uint8)


@pytest.fixture
def image():
    return pytest.importorskip("PIL.Image")


def lay(folder, packed=False):
    """Write both splits of a small data set in MNIST's form."""
    folder.mkdir(parents=True)
    pictures = struct.pack(">4I", 0x803, *PICTURES.shape) + PICTURES.tobytes()
    labels = struct.pack(">2I", 0x801, len(LABELS)) + LABELS.tobytes()
    for split in ("train", "t10k"):
        for name, data in (("images-idx3", pictures), ("labels-idx1", labels)):
            path = folder / f"{split}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)


# Data sets


@pytest.mark.parametrize("packed", [False, True])
def test_fashion_is_read_from_its_own_folder(tmp_path, packed):
    lay(tmp_path / "FashionMNIST" / "raw", packed)
    data = datasets.FashionMNIST(tmp_path, False, transforms.ToTensor(), int)
    picture, label = data[1]
    assert picture.shape == (1, 28, 28) and label == 0 and len(data) == 6
    assert data.classes[9] == "Ankle boot" and data.class_to_idx["T-shirt/top"] == 0
    assert repr(data).startswith("Dataset FashionMNIST\n    Number of datapoints: 6")
    assert data.raw_folder == str(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(FileNotFoundError, match=r"its folder MNIST/raw; pass download=True"):
        datasets.MNIST(tmp_path)


def test_fashion_refuses_the_digits(tmp_path, monkeypatch):
    import hashlib

    lay(tmp_path / "FashionMNIST" / "raw")
    path = tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    digits = {"train-images-idx3-ubyte": (hashlib.sha256(path.read_bytes()).hexdigest(), "")}
    monkeypatch.setattr(datasets.MNIST, "files", {**datasets.MNIST.files, **digits})
    with pytest.raises(ValueError, match="holds the digits of MNIST"):
        datasets.FashionMNIST(tmp_path)
    assert len(datasets.FashionMNIST(tmp_path, train=False)) == 6


def test_older_names_and_changed_data(tmp_path):
    lay(tmp_path / "MNIST" / "raw")
    data = datasets.MNIST(tmp_path, verify=False)
    assert data.train_data is data.data is data.test_data
    assert data.train_labels is data.targets is data.test_labels
    data.data, data.targets = data.data[:4], [int(y) for y in data.targets[:4]]
    ((pictures, labels),) = DataLoader(data, batch_size=4)
    assert pictures.shape == (4, 28, 28) and labels.tolist() == [9, 0, 3, 3]


NORMALIZE = transforms.Normalize((0.1307,), (0.3081,))


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.ToTensor(),
        lambda: transforms.Compose([transforms.ToTensor()]),
        lambda: transforms.Compose([transforms.ToTensor(), NORMALIZE]),
        lambda: transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, [0.25])]),
    ],
)
def test_a_batch_made_in_one_pass_has_the_bits_of_its_samples(make, monkeypatch):
    data = GeneratedDigits(n=50, transform=make())
    singly = [data[i][0].numpy() for i in range(50)]
    monkeypatch.setattr(LabelledImages, "__getitem__", None)  # no sample is taken alone
    ((pictures, _),) = DataLoader(data, batch_size=50)
    np.testing.assert_array_equal(pictures.numpy(), np.stack(singly))
    assert pictures.shape == (50, 1, 28, 28)


@pytest.mark.parametrize(
    "transform",
    [
        transforms.Compose([transforms.ToTensor(), NORMALIZE, transforms.Lambda(lambda x: 2 * x)]),
        transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]),
        type("Own", (transforms.ToTensor,), {"__call__": lambda self, x: x.float() * 3})(),
        transforms.PILToTensor(),
    ],
)
def test_what_does_more_is_asked_for_every_sample(transform):
    data = GeneratedDigits(n=4, transform=transform)
    if getattr(transform, "transforms", [None])[-1].__class__ is transforms.Normalize:
        with pytest.raises(RuntimeError):  # of one channel there are not three
            next(iter(DataLoader(data, 4)))
        return
    ((pictures, _),) = DataLoader(data, batch_size=4)
    np.testing.assert_array_equal(
        pictures.numpy(), np.stack([data[i][0].numpy() for i in range(4)])
    )


def test_mnist_as_torchvisions_programs_train_on_it(tmp_path):
    lay(tmp_path / "MNIST" / "raw")
    data = datasets.MNIST(
        root=str(tmp_path), train=True, download=False, verify=False,
        transform=transforms.Compose([transforms.ToTensor(), NORMALIZE]),
    )  # fmt: skip
    ((pictures, labels),) = DataLoader(data, batch_size=6)
    expected = (PICTURES[:, None] / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081)
    np.testing.assert_array_equal(pictures.numpy(), expected)
    assert labels.tolist() == LABELS.tolist()


# To tensors and back


def test_to_tensor_takes_what_torchvision_takes(image):
    gray, color = PICTURES[0], np.moveaxis(PICTURES[:3], 0, -1)
    scaled = transforms.to_tensor
    for pic in (gray, gray[:, :, None], image.fromarray(gray), minnet.tensor(gray)):
        np.testing.assert_array_equal(scaled(pic).numpy(), gray[None] / np.float32(255))
    for pic in (color, image.fromarray(color)):
        np.testing.assert_array_equal(scaled(pic).numpy(), PICTURES[:3] / np.float32(255))
    assert scaled(gray.astype(np.float64)).dtype == minnet.float64
    np.testing.assert_array_equal(scaled(gray.astype(np.float32)).numpy()[0], gray)
    assert scaled(image.fromarray(gray.astype(np.int32))).dtype == minnet.int32
    assert scaled(image.fromarray(gray > 99)).numpy().tolist() == [(gray > 99).tolist()]


def test_to_tensor_copies():
    pic = np.zeros((2, 2), np.float32)
    transforms.to_tensor(minnet.from_numpy(pic)).fill_(1)
    assert pic.sum() == 0


@pytest.mark.parametrize(
    ("pic", "error", "message"),
    [
        ([1], TypeError, r"pic should be PIL Image or ndarray. Got <class 'list'>"),
        (minnet.zeros(1, 2, 2), TypeError, "pic should be PIL Image or ndarray"),
        (np.zeros(3), ValueError, "pic should be 2/3 dimensional. Got 1 dimensions."),
    ],
)
def test_to_tensor_refuses(pic, error, message):
    with pytest.raises(error, match=message):
        transforms.ToTensor()(pic)


@pytest.mark.parametrize("shape", [(5, 4), (1, 5, 4), (3, 5, 4)])
def test_there_and_back_through_pillow(shape, image):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for tensor in (minnet.tensor(pixels), minnet.tensor(pixels).float() / 255):
        there = transforms.ToPILImage()(tensor)
        assert there.size == (4, 5) and there.mode == ("RGB" if shape[0] == 3 else "L")
        assert (
            np.abs(transforms.PILToTensor()(there).numpy().squeeze().astype(int) - pixels).max()
            <= 1
        )
    np.testing.assert_array_equal(
        transforms.ToImage()(transforms.to_pil_image(minnet.tensor(pixels))).numpy().squeeze(),
        pixels.squeeze(),
    )


def test_dtypes_are_scaled():
    bytes_ = minnet.tensor([[0, 51, 255]], dtype=minnet.uint8)
    floats = transforms.ConvertImageDtype(minnet.float32)(bytes_)
    np.testing.assert_allclose(floats.numpy(), [[0, 0.2, 1]], rtol=1e-7)
    assert transforms.ToDtype(minnet.uint8, scale=True)(floats).tolist() == [[0, 51, 255]]
    assert transforms.ToDtype(minnet.float32)(bytes_).tolist() == [[0, 51, 255]]
    assert transforms.convert_image_dtype(bytes_, minnet.int32).tolist() == [
        [0, 51 << 23, 255 << 23]
    ]
    assert transforms.convert_image_dtype(bytes_, minnet.uint8) is bytes_


# Normalizing


def test_normalize_by_channel_and_in_place():
    x = minnet.rand(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    out = transforms.Normalize(mean, std)(x)
    numbers = [np.array(v, np.float32).reshape(3, 1, 1) for v in (mean, std)]
    np.testing.assert_array_equal(out.numpy(), (x.numpy() - numbers[0]) / numbers[1])
    assert transforms.Normalize(mean, std, inplace=True)(x) is x
    np.testing.assert_array_equal(x.numpy(), out.numpy())


@pytest.mark.parametrize(
    ("x", "std", "error", "message"),
    [
        (np.zeros((1, 2, 2)), 1, TypeError, "img should be Tensor Image. Got <class 'numpy"),
        (minnet.zeros(1, 2, 2, dtype=minnet.uint8), 1, TypeError, "should be a float tensor"),
        (minnet.zeros(2, 2), 1, ValueError, r"tensor image of size \(..., C, H, W\)"),
        (minnet.zeros(1, 2, 2), 0, ValueError, "std evaluated to zero after conversion"),
    ],
)
def test_normalize_refuses(x, std, error, message):
    with pytest.raises(error, match=message):
        transforms.Normalize((0.5,), (std,))(x)


# Shapes

COLOR = np.random.default_rng(2).integers(0, 256, (3, 9, 7), np.uint8)
CHANGES = {
    "hflip": (transforms.hflip, lambda x: x[..., ::-1]),
    "vflip": (transforms.vflip, lambda x: x[..., ::-1, :]),
    "crop": (lambda p: transforms.crop(p, 1, 2, 3, 4), lambda x: x[..., 1:4, 2:6]),
    "crop beyond": (
        lambda p: transforms.crop(p, -1, 5, 3, 4),
        lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 0), (0, 2)])[..., 0:3, 5:9],
    ),
    "center": (transforms.CenterCrop((4, 3)), lambda x: x[..., 2:6, 2:5]),
    "center, larger": (
        transforms.CenterCrop(10),
        lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, 1), (1, 2)]),
    ),
    "pad": (transforms.Pad(2), lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(2, 2), (2, 2)])),
    "pad, two": (
        transforms.Pad((1, 2), fill=7),
        lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(2, 2), (1, 1)], constant_values=7),
    ),
    "pad, four": (
        transforms.Pad((1, 2, 3, 4), padding_mode="reflect"),
        lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(2, 4), (1, 3)], "reflect"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("pixels", [COLOR, COLOR[0]], ids=["color", "gray"])
def test_pictures_of_both_kinds_change_alike(change, pixels, image):
    transform, expected = CHANGES[change]
    changed = transform(minnet.tensor(pixels))
    np.testing.assert_array_equal(changed.numpy(), expected(pixels))
    there = transform(transforms.to_pil_image(minnet.tensor(pixels)))
    np.testing.assert_array_equal(
        transforms.pil_to_tensor(there).numpy().reshape(changed.shape), expected(pixels)
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [((5, 4), (5, 4)), (14, (18, 14)), ([14], (18, 14)), (7, (9, 7)), ((18, 14), (18, 14))],
)
@pytest.mark.parametrize("pixels", [COLOR, COLOR[0]], ids=["color", "gray"])
def test_resize_is_pillows(size, expected, pixels, image):
    img = transforms.to_pil_image(minnet.tensor(pixels))
    there = transforms.Resize(size)(img)
    assert there.size == expected[::-1]
    here = transforms.Resize(size)(minnet.tensor(pixels))
    assert here.dtype == minnet.uint8 and here.shape == (*pixels.shape[:-2], *expected)
    np.testing.assert_array_equal(
        transforms.pil_to_tensor(there).numpy().reshape(here.shape), here.numpy()
    )
    nearest = transforms.Resize(size, transforms.InterpolationMode.NEAREST)(img)
    np.testing.assert_array_equal(
        np.asarray(nearest), np.asarray(img.resize(expected[::-1], image.Resampling.NEAREST))
    )


def test_resize_bounds_the_longer_side(image):
    assert transforms.resize(minnet.zeros(9, 7), 14, max_size=16).shape == (16, 12)
    with pytest.raises(ValueError, match="max_size should only be passed"):
        transforms.resize(minnet.zeros(9, 7), (3, 3), max_size=4)


def test_gray_is_pillows(image):
    img = transforms.to_pil_image(minnet.tensor(COLOR))
    assert transforms.Grayscale()(img).mode == "L"
    three = transforms.Grayscale(3)(minnet.tensor(COLOR))
    assert three.shape == COLOR.shape and (three.numpy() == three.numpy()[:1]).all()
    off = (
        transforms.pil_to_tensor(transforms.Grayscale()(img)).numpy().astype(int)
        - three.numpy()[:1]
    )
    assert np.abs(off).max() <= 1
    assert transforms.Grayscale(3)(minnet.tensor(COLOR[0])).shape == COLOR.shape


# What is random


def test_random_draws_are_torchvisions():
    torch = pytest.importorskip("torch")
    for seed in range(5):
        minnet.manual_seed(seed, engine="torch")
        torch.manual_seed(seed)
        flipped = transforms.RandomHorizontalFlip(0.4)(minnet.tensor(COLOR)).numpy()
        theirs = COLOR[..., ::-1] if torch.rand(1) < 0.4 else COLOR
        np.testing.assert_array_equal(flipped, theirs)
        part = transforms.RandomCrop((4, 5))(minnet.tensor(COLOR)).numpy()
        top, left = (torch.randint(0, n, size=(1,)).item() for n in (6, 3))
        np.testing.assert_array_equal(part, COLOR[:, top : top + 4, left : left + 5])
        angle = torch.empty(1).uniform_(-10.0, 10.0).item()
        turned = transforms.RandomRotation(10)(minnet.tensor(COLOR))
        np.testing.assert_array_equal(
            turned.numpy(), transforms.rotate(minnet.tensor(COLOR), angle).numpy()
        )


def test_a_quarter_turn(image):
    np.testing.assert_array_equal(
        transforms.rotate(minnet.tensor(COLOR[:, :7]), 90).numpy(),
        np.rot90(COLOR[:, :7], 1, (1, 2)),
    )


def test_flips_come_as_often_as_p_says():
    x = minnet.arange(4).reshape(2, 2)
    for make, other in (
        (transforms.RandomHorizontalFlip, [[1, 0], [3, 2]]),
        (transforms.RandomVerticalFlip, [[2, 3], [0, 1]]),
    ):
        assert make(0.0)(x).tolist() == x.tolist() and make(1.0)(x).tolist() == other
        n = sum(make()(x).tolist() == other for _ in range(1000))
        assert 400 < n < 600


def test_random_crops_of_small_pictures():
    x = minnet.ones(3, 4)
    assert transforms.RandomCrop(3, padding=1)(x).shape == (3, 3)
    assert transforms.RandomCrop(5, pad_if_needed=True)(x).shape == (5, 5)
    assert transforms.RandomCrop((3, 4))(x).tolist() == x.tolist()
    with pytest.raises(
        ValueError, match=r"crop size \(5, 5\) is larger than input image size \(3, 4\)"
    ):
        transforms.RandomCrop(5)(x)


# Words


def test_transforms_print_as_torchvisions():
    shown = transforms.Compose(
        [
            transforms.Resize(32), transforms.RandomCrop(28, padding=4), transforms.CenterCrop(24),
            transforms.RandomHorizontalFlip(), transforms.RandomRotation(5), transforms.Pad(2),
            transforms.ToTensor(), transforms.Lambda(abs),
        ]
    )  # fmt: skip
    assert repr(shown).splitlines() == [
        "Compose(",
        "    Resize(size=32, interpolation=bilinear, max_size=None, antialias=True)",
        "    RandomCrop(size=(28, 28), padding=4)",
        "    CenterCrop(size=(24, 24))",
        "    RandomHorizontalFlip(p=0.5)",
        "    RandomRotation(degrees=[-5.0, 5.0], interpolation=nearest, expand=False, fill=0)",
        "    Pad(padding=2, fill=0, padding_mode=constant)",
        "    ToTensor()",
        "    Lambda()",
        ")",
    ]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: transforms.Lambda(3), TypeError, "lambd should be callable, got 'int'"),
        (lambda: transforms.Resize(2.5), TypeError, "Size should be int or sequence"),
        (lambda: transforms.Resize((1, 2, 3)), ValueError, "should have 1 or 2 values"),
        (lambda: transforms.CenterCrop((1, 2, 3)), ValueError, "Please provide only two dimens"),
        (lambda: transforms.RandomRotation(-1), ValueError, "it must be positive"),
        (lambda: transforms.Pad((1, 2, 3))(minnet.zeros(2, 2)), ValueError, "3 element tuple"),
        (lambda: transforms.Pad(1, 0, "wrap")(minnet.zeros(2, 2)), ValueError, "Padding mode"),
        (lambda: transforms.Grayscale(2)(minnet.zeros(2, 2)), ValueError, "either 1 or 3"),
        (lambda: transforms.hflip(minnet.zeros(2)), TypeError, r"a tensor \(..., height, width\)"),
        (lambda: transforms.hflip([1]), TypeError, "expected a Pillow image or a tensor"),
        (lambda: transforms.hflip(minnet.zeros(2, 2, requires_grad=True)), RuntimeError, "detach"),
        (lambda: transforms.ToPILImage()([1]), TypeError, "pic should be Tensor or ndarray"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_without_pillow_what_needs_none_works():
    program = """
import sys
sys.modules["PIL"] = None
import minnet
assert "minnet.transforms" not in sys.modules
t = minnet.transforms
x = t.Compose([t.RandomCrop(24, padding=2), t.RandomHorizontalFlip(), t.ToTensor()])
print(x(minnet.datasets.GeneratedDigits(n=1)[0][0]).shape)
try:
    t.Resize(32)(minnet.zeros(2, 2))
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "torch.Size([1, 24, 24])", "this transform needs Pillow: pip install pillow",
    ]  # fmt: skip
