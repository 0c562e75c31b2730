from oracle import check, table


@table("linear")
def test_known_answers(library, program, known):
    check(library, program, known)
