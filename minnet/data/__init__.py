"""Data: what holds samples, what makes batches of them, and sets of pictures."""

from minnet.data.collate import default_collate, default_convert
from minnet.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minnet.data.digits import GeneratedDigits
from minnet.data.loader import DataLoader, get_worker_info
from minnet.data.mnist import MNIST, FashionMNIST
from minnet.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from minnet.data.transforms import ToFloat

__all__ = [
    "MNIST", "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset",
    "FashionMNIST", "GeneratedDigits", "IterableDataset", "RandomSampler", "Sampler",
    "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "ToFloat", "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info",
    "random_split",
]  # fmt: skip
