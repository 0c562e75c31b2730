from oracle import check, table


@table("shape")
def test_known_answers(library, program, known):
    check(library, program, known)
