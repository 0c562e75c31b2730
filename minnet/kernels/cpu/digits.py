"""Handwritten digits, drawn: strokes under random distortion, by a pen of random width and ink.

Each image is a pure function of (seed, split, index): every random number has a Philox counter of
its own. Only + - * / and sqrt are used, in float64, so the pixels are the same on every machine.

The counter's words, from low to high, are the image's index, a number that says what is drawn, the
split, and a tag that keeps digits apart from the fills of a generator with the same seed. The
numbers in use:

    0             digit, style, width, size
    1             pen: radius, softness, ink, roughness
    2 3           slant, turn
    4 5           shift in x and y
    16 to 47      displacement of the 16 nodes of the elastic lattice, x and then y
    64 + 3 j ...  displacement in x, in y, and pressure of the pen at point j
    1024 + q      grain of pixels 4 q to 4 q + 3
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange, uint32, uint64

from minnet.kernels.jit import device, kernel
from minnet.kernels.philox import philox4x32
from minnet.kernels.strokes import CORNER, GLYPHS, KINDS, POINTS, SMOOTH, START, STYLES

SIDE = 28  # pixels
TAG = uint32(0x64696769)  # "digi"
PIECES = 5  # straight pieces between two points of a stroke

# Standard deviations. Lengths are in units of the unit square that the points are written in.
JITTER = 0.027  # of each point on its own
WARP = 0.07  # of each node of the elastic lattice
SLANT = 0.25
TURN = 0.08  # tangent of half the angle
PRESSURE = 0.13
SHIFT = 0.7  # pixels

IMAGE_NS = 15_000  # one image in one thread


@device
def _unit(word: Any) -> Any:
    """Return a float64 in [0, 1) from a uint32."""
    return word * 2.0**-32


@device
def _bell(index: Any, number: Any, split: Any, k0: Any, k1: Any) -> Any:
    """Return a sum of four uniforms with mean 0 and variance 1: a normal without far tails."""
    a, b, c, d = philox4x32(index, uint32(number), split, TAG, k0, k1)
    return ((_unit(a) + _unit(b)) + (_unit(c) + _unit(d)) - 2.0) * 1.7320508075688772


@device
def _ease(t: Any) -> Any:
    """Return the cubic that goes from 0 to 1 and is flat at both ends."""
    return t * t * (3.0 - 2.0 * t)


@device
def _distort(x: Any, y: Any, width: Any, index: Any, split: Any, k0: Any, k1: Any) -> None:
    """Move the points in place: elastically, each on its own, and by one affine map.

    The elastic part is a displacement field, smooth between the 4 x 4 nodes of a lattice (Simard,
    Steinkraus, Platt 2003, "Best practices for convolutional neural networks").
    """
    slant = SLANT * _bell(index, 2, split, k0, k1) - 0.12
    turn = TURN * _bell(index, 3, split, k0, k1)
    cosine = (1.0 - turn * turn) / (1.0 + turn * turn)
    sine = 2.0 * turn / (1.0 + turn * turn)
    lattice = np.empty((2, 4, 4))
    for node in range(32):
        lattice.flat[node] = WARP * _bell(index, 16 + node, split, k0, k1)
    moved = np.empty(2)
    for j in range(len(x)):
        u, v = min(max(x[j], 0.0), 1.0) * 2.999, min(max(y[j], 0.0), 1.0) * 2.999
        column, row = int(u), int(v)
        u, v = _ease(u - column), _ease(v - row)
        for axis in range(2):
            left, right = lattice[axis, row, column], lattice[axis, row, column + 1]
            above = left + u * (right - left)
            left, right = lattice[axis, row + 1, column], lattice[axis, row + 1, column + 1]
            below = left + u * (right - left)
            jitter = JITTER * _bell(index, 64 + 3 * j + axis, split, k0, k1)
            moved[axis] = above + v * (below - above) + jitter
        py = y[j] - 0.5 + moved[1]
        px = width * (x[j] - 0.5 + moved[0]) + slant * py
        x[j] = cosine * px - sine * py
        y[j] = sine * px + cosine * py


@device
def _tangent(at: Any, kinds: Any, j: Any, leaving: Any) -> Any:
    """Return the spline's tangent at point j: one-sided at a corner and at the ends of a stroke."""
    if leaving and kinds[j] != SMOOTH:
        return at[j + 1] - at[j]
    if not leaving and (j + 1 == len(at) or kinds[j + 1] == START or kinds[j] == CORNER):
        return at[j] - at[j - 1]
    return 0.5 * (at[j + 1] - at[j - 1])


@device
def _trace(at: Any, kinds: Any, path: Any) -> int:
    """Sample the Catmull-Rom splines through the points `at` into `path`; return how many."""
    n = 0
    for j in range(len(at)):
        if kinds[j] == START:
            path[n] = at[j]
            n += 1
            continue
        leaving, arriving = _tangent(at, kinds, j - 1, True), _tangent(at, kinds, j, False)
        for piece in range(1, PIECES + 1):
            t = piece / PIECES
            bend = t * (1.0 - t) * ((1.0 - t) * leaving - t * arriving)
            path[n] = at[j - 1] + _ease(t) * (at[j] - at[j - 1]) + bend
            n += 1
    return n


@device
def _fit(x: Any, y: Any, size: Any, shift_x: Any, shift_y: Any) -> None:
    """Scale the samples in place to `size` pixels, with their mean near the image's centre."""
    left, right, top, bottom = x[0], x[0], y[0], y[0]
    sum_x, sum_y = 0.0, 0.0
    for j in range(len(x)):
        left, right = min(left, x[j]), max(right, x[j])
        top, bottom = min(top, y[j]), max(bottom, y[j])
        sum_x += x[j]
        sum_y += y[j]
    scale = size / max(right - left, bottom - top)
    for j in range(len(x)):
        x[j] = (x[j] - sum_x / len(x)) * scale + 0.5 * (SIDE - 1) + shift_x
        y[j] = (y[j] - sum_y / len(y)) * scale + 0.5 * (SIDE - 1) + shift_y


@device
def _stamp(distance: Any, x: Any, y: Any, radius: Any, j: Any, soft: Any) -> None:
    """Lower each pixel's `distance` to the edge of the ink by the piece from sample j - 1 to j."""
    dx, dy, widening = x[j] - x[j - 1], y[j] - y[j - 1], radius[j] - radius[j - 1]
    inverse = 1.0 / (dx * dx + dy * dy + 1e-12)
    margin = max(radius[j - 1], radius[j]) + soft  # further out there is no ink
    left = max(int(min(x[j - 1], x[j]) - margin), 0)
    right = min(int(max(x[j - 1], x[j]) + margin) + 2, SIDE)
    top = max(int(min(y[j - 1], y[j]) - margin), 0)
    bottom = min(int(max(y[j - 1], y[j]) + margin) + 2, SIDE)
    for row in range(top, bottom):
        for column in range(left, right):
            px, py = column - x[j - 1], row - y[j - 1]
            t = min(max((px * dx + py * dy) * inverse, 0.0), 1.0)  # nearest point of the piece
            px, py = px - t * dx, py - t * dy
            edge = math.sqrt(px * px + py * py) - (radius[j - 1] + t * widening)
            distance[row, column] = min(distance[row, column], edge)


@device
def _draw(image: Any, index: Any, split: Any, k0: Any, k1: Any) -> int:
    """Draw into the 784 pixels of `image` and return the digit that they show."""
    a, b, c, d = philox4x32(index, uint32(0), split, TAG, k0, k1)
    digit = int((uint64(a) * uint64(10)) >> uint64(32))
    count = STYLES[digit + 1] - STYLES[digit]
    glyph = STYLES[digit] + int((uint64(b) * uint64(count)) >> uint64(32))
    width = 0.6 + 0.5 * _unit(c)
    size = 18.5 + 3.5 * _unit(d)
    a, b, c, d = philox4x32(index, uint32(1), split, TAG, k0, k1)
    pen = 0.9 + 1.1 * _unit(a)
    soft = 1.0 + 0.6 * _unit(b)
    ink = 225.0 + 30.0 * _unit(c)
    rough = 0.5 * _unit(d)

    kinds = KINDS[GLYPHS[glyph] : GLYPHS[glyph + 1]]
    points = POINTS[GLYPHS[glyph] : GLYPHS[glyph + 1]]
    x, y = points[:, 0].copy(), points[:, 1].copy()
    radius = np.empty(len(kinds))
    for j in range(len(kinds)):
        radius[j] = pen * (1.0 + PRESSURE * _bell(index, 66 + 3 * j, split, k0, k1))
    _distort(x, y, width, index, split, k0, k1)

    path = np.empty((3, PIECES * len(kinds)))
    n = _trace(x, kinds, path[0])
    _trace(y, kinds, path[1])
    _trace(radius, kinds, path[2])
    x, y, radius = path[0, :n], path[1, :n], path[2, :n]
    shift_x = SHIFT * _bell(index, 4, split, k0, k1)
    shift_y = SHIFT * _bell(index, 5, split, k0, k1)
    _fit(x, y, size - 2.0 * pen, shift_x, shift_y)

    distance = np.full((SIDE, SIDE), np.inf)
    n = 0
    for kind in kinds:
        for j in range(n, n + (1 if kind == START else PIECES)):
            if kind != START:
                _stamp(distance, x, y, radius, j, soft)
        n += 1 if kind == START else PIECES

    for q in range(SIDE * SIDE // 4):
        words = philox4x32(index, uint32(1024 + q), split, TAG, k0, k1)
        for word in range(4):
            grain = _unit(words[word])
            edge = distance.flat[4 * q + word] + rough * (grain - 0.5)
            covered = min(max(0.5 - edge / soft, 0.0), 1.0)
            image[4 * q + word] = np.uint8(ink * covered * (1.0 - 0.12 * grain) + 0.5)
    return digit


@kernel(parallel=True)
def _digits(images: Any, labels: Any, split: Any, k0: Any, k1: Any) -> None:
    for i in prange(len(images)):
        labels[i] = _draw(images[i], uint32(i), split, k0, k1)


def digits(images: np.ndarray, labels: np.ndarray, seed: int, split: int) -> None:
    """Draw the first n digits of a split: `images` uint8 (n, 28, 28), `labels` int64 (n,)."""
    key = np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32)
    run = _digits.over(len(images) * IMAGE_NS)
    run(images.reshape(len(images), SIDE * SIDE), labels, np.uint32(split), *key)
