"""`ToFloat`: the same bits for an image, a batch, and all images at once."""

import numpy as np
import pytest

import minnet
from minnet.data import DataLoader, GeneratedDigits, TensorDataset, ToFloat


def digits(transform=None, **options):
    return GeneratedDigits(n=300, transform=transform, **options)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.1307, 0.3081), (-3.0, 1e-3)])
def test_a_batch_has_the_bits_of_all_images_computed_at_once(mean, std):
    plain = digits()
    scaled = TensorDataset((plain.data.float() / 255 - mean) / std, plain.targets)
    data = digits(ToFloat(mean, std))
    loaders = [
        DataLoader(x, 64, shuffle=True, generator=minnet.Generator(seed=1)) for x in (scaled, data)
    ]
    for (x, y), (images, labels) in zip(*loaders, strict=True):
        assert images.dtype == minnet.float32 and images.shape[1:] == (28, 28)
        np.testing.assert_array_equal(images.numpy().view(np.uint32), x.numpy().view(np.uint32))
        np.testing.assert_array_equal(labels.numpy(), y.numpy())


def test_a_batch_has_the_bits_of_its_samples():
    data = digits(ToFloat(0.1307, 0.3081))
    images, labels = data.__getbatch__(np.array([5, -1, 5]))
    for i, sample in enumerate((5, 299, 5)):
        image, label = data[sample]
        np.testing.assert_array_equal(images.numpy()[i], image.numpy())
        assert label == labels[i].item()


def test_a_transform_of_the_targets_is_kept():
    images, labels = digits(ToFloat(), target_transform=lambda t: -t).__getbatch__(np.arange(9))
    np.testing.assert_array_equal(labels.numpy(), -digits().targets.numpy()[:9])
    np.testing.assert_array_equal(images.numpy(), digits().data.numpy()[:9] / np.float32(255))


def test_a_subclass_changes_what_a_batch_is():
    class Inverted(ToFloat):
        def __call__(self, image):
            return 1 - super().__call__(image)

    images, _ = digits(Inverted()).__getbatch__(np.arange(9))
    np.testing.assert_array_equal(images.numpy(), 1 - digits().data.numpy()[:9] / np.float32(255))


def test_what_is_no_image_is_refused():
    with pytest.raises(TypeError, match="expects a uint8 tensor, got one of float32"):
        ToFloat()(minnet.ones(2))
    with pytest.raises(TypeError, match="expects a uint8 tensor, got <class 'list'>"):
        ToFloat()([1])


@pytest.mark.parametrize("std", [0, -1.0, float("nan")])
def test_a_standard_deviation_is_positive(std):
    with pytest.raises(ValueError, match="above 0"):
        ToFloat(0.5, std)


def test_it_says_what_it_does():
    assert repr(ToFloat(0.5, 0.25)) == "ToFloat(mean=0.5, std=0.25)"
