"""Numbers at the edges: NaN, infinities, subnormals, huge logits, empty batches, bad targets.

Programs and torch's answers to them, values and gradients or the error.
"""

import pytest
from oracle import check, table

import minnet


@table("edges")
def test_known_answers(library, program, known):
    check(library, program, known)


# Where minnet keeps to mathematics


@pytest.mark.parametrize("x", [[1e38, 1e38, 0.0], [-1e38, -1e38]])
def test_the_slope_of_logsumexp_is_softmax_however_large_the_logits(x):
    """torch takes exp(x - logsumexp), which is 1 for each of several equal huge logits."""
    x = minnet.tensor(x, requires_grad=True)
    minnet.logsumexp(x, 0).backward()
    assert x.grad.tolist() == minnet.softmax(x.detach(), 0).tolist()


def test_gelu_of_infinity_is_infinity_and_its_slope_nan():
    """torch's value is NaN with AVX-512, where oneDNN computes it; the slope is NaN everywhere."""
    x = minnet.tensor([float("inf")], requires_grad=True)
    y = minnet.nn.functional.gelu(x)
    y.sum().backward()
    assert y.tolist() == [float("inf")]
    assert x.grad.isnan().all()


def test_a_quotient_of_zero_is_zero_where_its_parts_overflow():
    """torch takes n / x for n · (1 / x), and the slope of x / y for dy · (x / y / y)."""
    x = minnet.tensor([1e-45, 1e-38], requires_grad=True)
    y = 0 / x
    assert y.tolist() == [0, 0]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]
    x.grad = None
    (minnet.tensor([0.125, 0.125]) / x).backward(minnet.zeros(2))
    assert x.grad[1].item() == 0


def test_a_learning_rate_that_is_no_number_is_refused_by_every_optimizer():
    """torch's SGD takes it, and makes every weight NaN."""
    p = minnet.nn.Parameter(minnet.zeros(2))
    names = "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam Rprop ASGD LBFGS".split()
    for kind in (getattr(minnet.optim, name) for name in names):
        with pytest.raises(ValueError, match="Invalid learning rate: nan"):
            kind([p], lr=float("nan"))
