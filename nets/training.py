"""Gradient descent as the networks here use it: what chainrule has, under the names it had in this package."""

from chainrule.training.history import History
from chainrule.training.optimizers import SGD, Adam, Memory, Momentum, Optimizer
from chainrule.training.train import train

__all__ = ["Adam", "History", "Memory", "Momentum", "Optimizer", "SGD", "train"]
