"""Numbers in formulas of functions and derivatives, which are read without a compiler, too."""

from math import pi, sqrt

SQRT_HALF = sqrt(0.5)
TWO_BY_SQRT_PI = 1.1283791670955126
DENSITY = 1 / sqrt(2 * pi)  # of the normal distribution at 0
TANH_SLOPE, TANH_CUBIC = sqrt(2 / pi), 0.044715  # of the tanh in `gelu`

# Klambauer, Unterthiner, Mayr, Hochreiter 2017, "Self-normalizing neural networks"
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
