"""The names of `minnet.data`, for type checkers: at run time it is that module itself."""

from minnet.data import *
