"""Arithmetic, comparison and logic against torch's known answers."""

from oracle import check, table


@table("arithmetic")
def test_known_answers(library, program, known):
    check(library, program, known)
