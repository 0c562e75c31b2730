"""Data: what holds samples, what makes batches of them, and two sets of handwritten digits."""

from minnet.data.collate import default_collate, default_convert
from minnet.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from minnet.data.digits import GeneratedDigits
from minnet.data.loader import DataLoader
from minnet.data.mnist import MNIST
from minnet.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
)
from minnet.data.transforms import ToFloat

__all__ = [
    "MNIST", "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "GeneratedDigits",
    "RandomSampler", "Sampler", "SequentialSampler", "Subset", "SubsetRandomSampler",
    "TensorDataset", "ToFloat", "default_collate", "default_convert", "random_split",
]  # fmt: skip
