"""Sets of pictures under torchvision's name for where they are: `minnet.datasets.MNIST`."""

from minnet.data.digits import GeneratedDigits
from minnet.data.mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "FashionMNIST", "GeneratedDigits"]
