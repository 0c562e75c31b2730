from oracle import check, table


@table("creation")
def test_known_answers(library, program, known):
    check(library, program, known)
