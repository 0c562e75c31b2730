"""Gradients against finite differences, by random projection, in float64."""

import numpy as np

import minnet


def check_gradient(f, *arrays, step=1e-6, rtol=1e-6, atol=1e-7, seed=0):
    """Compare <v, J u> by backward with central differences along a random direction u.

    One scalar comparison for each input, whatever its shape: `f` takes tensors and returns one;
    v and u are random with a fixed seed. Inputs are float64.
    """
    rng = np.random.default_rng(seed)
    inputs = [minnet.tensor(np.array(a, np.float64), requires_grad=True) for a in arrays]
    out = f(*inputs)
    assert out.dtype is minnet.float64
    v = rng.standard_normal(out.shape)
    out.backward(minnet.tensor(v))
    for i, x in enumerate(inputs):
        assert x.grad is not None, f"input {i} got no gradient"
        assert x.grad.shape == x.shape and x.grad.dtype is x.dtype
        u = rng.standard_normal(x.shape)

        def along(t, i=i, u=u):
            moved = [a.detach().clone() for a in inputs]
            moved[i] = minnet.tensor(moved[i].numpy() + t * u)
            with minnet.no_grad():
                return float((f(*moved).numpy() * v).sum())

        numeric = (along(step) - along(-step)) / (2 * step)
        analytic = float((x.grad.numpy() * u).sum())
        np.testing.assert_allclose(
            analytic, numeric, rtol=rtol * 100, atol=atol * 100, err_msg=f"input {i}"
        )
