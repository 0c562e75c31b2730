"""Handwritten digits drawn one pixel at a time: the twin of `minnet.kernels.cpu.digits`."""

import math

import numpy as np

from minnet.kernels.strokes import HANDWRITING
from naive.philox import philox4x32

SIDE = 28
TAG = 0x64696769


class Draws:
    """The random numbers of one image."""

    def __init__(self, seed, split, index):
        self.key, self.split, self.index = (seed & 0xFFFFFFFF, seed >> 32), split, index

    def words(self, number):
        return philox4x32((self.index, number, self.split, TAG), self.key)

    def units(self, number):
        return [word / 2**32 for word in self.words(number)]

    def bell(self, number):
        a, b, c, d = self.units(number)
        return ((a + b) + (c + d) - 2) * 1.7320508075688772


def ease(t):
    return t * t * (3 - 2 * t)


def strokes(style):
    """Return the strokes of a style, each a list of (x, y, is a corner)."""
    result = []
    for stroke in style.split("|"):
        numbers = [float(word) for word in stroke.split()]
        points = []
        for x, y in zip(numbers[::2], numbers[1::2], strict=True):
            if points and points[-1] == (x, y, False):  # written twice
                points[-1] = (x, y, True)
            else:
                points.append((x, y, False))
        result.append(points)
    return result


def between(lattice, u, v):
    """Interpolate a 4 x 4 lattice, u along its columns and v along its rows, both from 0 to 1."""
    u, v = min(max(u, 0), 1) * 2.999, min(max(v, 0), 1) * 2.999
    column, row = math.floor(u), math.floor(v)
    u, v = ease(u - column), ease(v - row)

    def along(line):
        return line[column] + u * (line[column + 1] - line[column])

    above, below = along(lattice[row]), along(lattice[row + 1])
    return above + v * (below - above)


def place(drawn, draws, width):
    """Return the strokes' points after distortion, each as (x, y, pressure, is a corner)."""
    slant = 0.25 * draws.bell(2) - 0.12
    turn = 0.08 * draws.bell(3)
    cosine = (1 - turn * turn) / (1 + turn * turn)
    sine = 2 * turn / (1 + turn * turn)
    lattice = [0.07 * draws.bell(16 + node) for node in range(32)]
    across, down = np.reshape(lattice, (2, 4, 4)).tolist()
    j = 0
    result = []
    for stroke in drawn:
        placed = []
        for x, y, corner in stroke:
            move_x = between(across, x, y) + 0.027 * draws.bell(64 + 3 * j)
            move_y = between(down, x, y) + 0.027 * draws.bell(65 + 3 * j)
            py = y - 0.5 + move_y
            px = width * (x - 0.5 + move_x) + slant * py
            pressure = 1 + 0.13 * draws.bell(66 + 3 * j)
            placed.append((cosine * px - sine * py, sine * px + cosine * py, pressure, corner))
            j += 1
        result.append(placed)
    return result


def spline(values, corners):
    """Sample a Catmull-Rom spline: five pieces between two values, broken at corners."""
    samples = [values[0]]
    for j in range(1, len(values)):
        start, end = values[j - 1], values[j]
        broken = j == 1 or corners[j - 1]
        leaving = end - start if broken else 0.5 * (end - values[j - 2])
        broken = j == len(values) - 1 or corners[j]
        arriving = end - start if broken else 0.5 * (values[j + 1] - start)
        for piece in range(1, 6):
            t = piece / 5
            bend = t * (1 - t) * ((1 - t) * leaving - t * arriving)
            samples.append(start + ease(t) * (end - start) + bend)
    return samples


def digit(seed, split, index):
    """Return (image, label) of one digit."""
    draws = Draws(seed, split, index)
    words, units = draws.words(0), draws.units(0)
    label = words[0] * 10 >> 32
    styles = HANDWRITING[label]
    style = styles[words[1] * len(styles) >> 32]
    width, size = 0.6 + 0.5 * units[2], 18.5 + 3.5 * units[3]
    units = draws.units(1)
    pen, soft = 0.9 + 1.1 * units[0], 1 + 0.6 * units[1]
    ink, rough = 225 + 30 * units[2], 0.5 * units[3]

    paths = []
    for stroke in place(strokes(style), draws, width):
        x, y, pressure, corners = zip(*stroke, strict=True)
        radius = [pen * p for p in pressure]
        paths.append([spline(values, corners) for values in (x, y, radius)])
    all_x = [value for x, _, _ in paths for value in x]
    all_y = [value for _, y, _ in paths for value in y]
    scale = (size - 2 * pen) / max(max(all_x) - min(all_x), max(all_y) - min(all_y))
    centre_x, centre_y = mean(all_x), mean(all_y)
    shift_x, shift_y = 0.7 * draws.bell(4), 0.7 * draws.bell(5)

    row, column = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    distance = np.full((SIDE, SIDE), np.inf)
    for x, y, radius in paths:
        x = [(value - centre_x) * scale + 0.5 * (SIDE - 1) + shift_x for value in x]
        y = [(value - centre_y) * scale + 0.5 * (SIDE - 1) + shift_y for value in y]
        for j in range(1, len(x)):
            dx, dy = x[j] - x[j - 1], y[j] - y[j - 1]
            px, py = column - x[j - 1], row - y[j - 1]
            t = np.clip((px * dx + py * dy) * (1 / (dx * dx + dy * dy + 1e-12)), 0, 1)
            px, py = px - t * dx, py - t * dy
            edge = np.sqrt(px * px + py * py) - (radius[j - 1] + t * (radius[j] - radius[j - 1]))
            distance = np.minimum(distance, edge)

    grain = np.reshape([draws.units(1024 + q) for q in range(SIDE * SIDE // 4)], (SIDE, SIDE))
    covered = np.clip(0.5 - (distance + rough * (grain - 0.5)) / soft, 0, 1)
    return np.floor(ink * covered * (1 - 0.12 * grain) + 0.5).astype(np.uint8), label


def mean(values):
    """Return the mean, summed from left to right."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values)
