"""How each digit is written: the points a pen passes through, for the kernel that draws digits.

`POINTS` holds the points of all glyphs one after another, and `KINDS` what each point is. Glyph g
(one style of one digit) is the points `GLYPHS[g]` to `GLYPHS[g + 1]`; the styles of digit d are the
glyphs `STYLES[d]` to `STYLES[d + 1]`.
"""

from __future__ import annotations

import numpy as np

SMOOTH, CORNER, START = 0, 1, 2  # kinds of points; a stroke begins at START

# For each digit its styles, as points `x y` with x to the right and y down in a unit square. A bar
# lifts the pen; a point written twice is a corner.
HANDWRITING: tuple[tuple[str, ...], ...] = (
    (  # 0
        ".55 .02  .25 .15  .12 .5  .25 .85  .5 .98  .75 .85  .88 .5  .75 .15  .45 .03",
        ".68 .1  .42 .02  .2 .3  .16 .7  .4 .97  .7 .85  .83 .5  .74 .15  .5 .05",
        ".3 .12  .1 .4  .15 .8  .5 .99  .85 .75  .88 .3  .6 .03  .3 .1  .2 .3",
    ),
    (  # 1
        ".5 0  .5 .33  .5 .66  .5 1",
        ".52 0  .49 .3  .5 .7  .5 1",
        ".28 .26  .42 .14  .52 0  .52 0  .51 .5  .5 1",
        ".28 .22  .52 0  .52 0  .5 .5  .5 1 | .25 1  .5 .99  .78 .98",
    ),
    (  # 2
        ".12 .25  .3 .04  .6 .02  .8 .22  .7 .5  .4 .78  .1 .98  .1 .98  .5 .95  .9 .97",
        ".15 .2  .4 0  .75 .12  .75 .4  .5 .7  .22 .95  .08 .86  .25 .74  .5 .9  .92 .97",
        ".1 .12  .5 .02  .8 .15  .65 .5  .1 .95  .1 .95  .5 .9  .92 .94",
        ".2 .3  .35 .05  .65 .03  .78 .28  .6 .6  .3 .85  .15 .93  .12 .8  .35 .78  .6 .93  .9 .88",
    ),
    (  # 3
        ".15 .12  .45 0  .75 .15  .7 .38  .4 .48  .4 .48  .75 .58  .85 .78  .6 .98  .12 .9",
        ".15 .05  .45 .05  .8 .05  .8 .05  .42 .42  .42 .42  .75 .52  .85 .75  .55 .98  .1 .88",
        ".18 .15  .5 .01  .75 .2  .55 .42  .36 .5  .42 .4  .8 .6  .75 .9  .4 .98  .1 .85",
        ".2 .2  .45 .02  .72 .12  .68 .36  .45 .46  .7 .54  .82 .75  .6 .96  .3 .95  .15 .78",
    ),
    (  # 4
        ".2 .02  .14 .3  .12 .55  .12 .55  .5 .55  .88 .5 | .75 .05  .7 .5  .66 1",
        ".64 0  .35 .32  .1 .62  .1 .62  .5 .63  .92 .6 | .64 0  .65 .5  .64 1",
        ".15 .05  .1 .42  .35 .58  .7 .45  .8 .05  .8 .05  .74 .5  .7 1",
        ".3 0  .2 .25  .12 .5  .12 .5  .45 .52  .8 .48 | .62 .22  .58 .6  .55 1",
    ),
    (  # 5
        ".28 .05  .24 .22  .22 .42  .22 .42  .55 .36  .82 .6  .7 .9  .4 .99  .1 .88"
        " | .28 .05  .55 .05  .88 .02",
        ".85 .03  .55 .04  .3 .06  .3 .06  .25 .42  .25 .42  .6 .4  .8 .68  .55 .96  .12 .92",
        ".82 .05  .45 .05  .25 .25  .5 .44  .78 .66  .58 .95  .15 .92",
        ".75 .08  .35 .02  .28 .38  .28 .38  .62 .44  .75 .75  .42 .99  .15 .85",
    ),
    (  # 6
        ".7 0  .35 .25  .15 .65  .3 .95  .6 .98  .8 .75  .6 .54  .32 .6  .19 .76",
        ".55 0  .28 .4  .15 .75  .4 1  .75 .87  .66 .62  .42 .6  .2 .8",
        ".8 .08  .5 .05  .2 .4  .15 .75  .4 .98  .75 .85  .7 .6  .42 .54  .18 .72",
        ".35 0  .2 .35  .14 .75  .38 1  .7 .92  .74 .7  .5 .6  .25 .76  .2 .88",
    ),
    (  # 7
        ".1 .08  .5 .06  .88 .04  .88 .04  .6 .45  .42 1",
        ".1 .06  .5 .05  .88 .03  .88 .03  .62 .45  .44 1 | .32 .5  .55 .5  .78 .47",
        ".1 .22  .12 .05  .12 .05  .5 .08  .85 .05  .85 .05  .58 .5  .5 1",
        ".1 .12  .4 0  .8 .06  .75 .35  .57 .65  .5 1",
    ),
    (  # 8
        ".75 .12  .45 0  .2 .18  .45 .45  .8 .72  .5 .99  .2 .78  .5 .48  .78 .25  .72 .1",
        ".5 .02  .24 .22  .5 .46  .76 .23  .52 .02 | .5 .46  .2 .74  .5 .98  .8 .73  .52 .46",
        ".5 .47  .22 .25  .5 .02  .78 .22  .5 .47  .2 .75  .5 .98  .8 .75  .52 .47",
        ".8 .18  .5 .02  .26 .2  .5 .46  .72 .72  .48 .98  .26 .76  .56 .42  .86 .05",
    ),
    (  # 9
        ".78 .15  .5 .02  .2 .2  .3 .48  .6 .45  .8 .15  .8 .15  .75 .5  .66 1",
        ".8 .2  .5 .02  .2 .25  .45 .5  .75 .35  .82 .15  .8 .6  .6 .95  .25 .95",
        ".75 .25  .5 .03  .22 .25  .48 .48  .75 .25  .75 .25  .73 .6  .72 1",
        ".72 .1  .4 .05  .2 .3  .48 .46  .74 .14  .74 .14  .6 .55  .38 1",
    ),
)


def _flat() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    points: list[tuple[float, float]] = []
    kinds: list[int] = []
    glyphs, styles = [0], [0]
    for digit in HANDWRITING:
        for style in digit:
            for stroke in style.split("|"):
                numbers = [float(word) for word in stroke.split()]
                first = len(points)
                for point in zip(numbers[::2], numbers[1::2], strict=True):
                    if len(points) > first and points[-1] == point:
                        kinds[-1] = CORNER
                    else:
                        points.append(point)
                        kinds.append(SMOOTH)
                kinds[first] = START
            glyphs.append(len(points))
        styles.append(len(glyphs) - 1)
    return np.array(points), np.array(kinds), np.array(glyphs), np.array(styles)


POINTS, KINDS, GLYPHS, STYLES = _flat()
