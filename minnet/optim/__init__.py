"""Optimizers, by torch.optim's names."""

from minnet.optim.adam import Adam as Adam
from minnet.optim.adam import AdamW as AdamW
from minnet.optim.optimizer import Optimizer as Optimizer
from minnet.optim.sgd import SGD as SGD
