from oracle import check, table


@table("tensor")
def test_known_answers(library, program, known):
    check(library, program, known)
