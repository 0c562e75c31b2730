"""`inference_mode`: what is made inside stays outside of all gradients, as in torch."""

import threading
import warnings

import pytest

import minnet

# Each takes the library, tensors made in inference mode (a and its view, a leaf e), a plain view v
# of the plain tensor n, which was made there, and a parameter w.
PROGRAMS = {
    "made": lambda L, a, e, v, n, w: [x.is_inference() for x in (a, a[:2], e, v, n, w)],
    "made from it": lambda L, a, e, v, n, w: [
        x.is_inference()
        for x in (a.detach(), a.data, a.view(3), a.clone(), a + 1, n.detach(), n.data, n.add_(a))
    ],
    "saved": lambda L, a, e, v, n, w: a * w,
    "not saved": lambda L, a, e, v, n, w: (a + w).requires_grad,
    "in place": lambda L, a, e, v, n, w: a.add_(1),
    "in place on a view": lambda L, a, e, v, n, w: a[:2].mul_(2),
    "assigned": lambda L, a, e, v, n, w: a.__setitem__(0, 1),
    "copied": lambda L, a, e, v, n, w: a.copy_(n),
    "out": lambda L, a, e, v, n, w: L.add(n, 1, out=a),
    "version": lambda L, a, e, v, n, w: a._version,
    "requires_grad": lambda L, a, e, v, n, w: a.requires_grad_(),
    "parameter": lambda L, a, e, v, n, w: L.nn.Parameter(a),
    "a recorded change of a view": lambda L, a, e, v, n, w: v.add_(w[:2] * 1),
    "numpy": lambda L, a, e, v, n, w: a.numpy().tolist(),
    "increment": lambda L, a, e, v, n, w: L.autograd.graph.increment_version(a),
}


def outcome(program, L):
    n, w = L.ones(3), L.ones(3, requires_grad=True)
    with L.inference_mode():
        a, e, v = L.ones(3), L.ones(2, requires_grad=True), n[:2]
        a.add_(1)
        with L.enable_grad():
            assert not (w * 2).requires_grad
        with L.inference_mode(mode=False):
            assert (w * 2).requires_grad and not L.ones(1).is_inference()
            assert not L.is_inference_mode_enabled()
        assert L.is_inference_mode_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return program(L, a, e, v, n, w)
        except Exception as error:
            text = str(error).replace("allowed.Y", "allowed. Y").replace("torch.", "minnet.")
            return type(error).__name__, text[:140].split(":")[0].split(".See")[0].rstrip(".")


@pytest.mark.parametrize("name", PROGRAMS)
def test_inference_tensors_are_torchs(name):
    torch = pytest.importorskip("torch")
    assert outcome(PROGRAMS[name], minnet) == outcome(PROGRAMS[name], torch)


def test_inference_mode_is_a_decorator_and_per_thread():
    @minnet.inference_mode
    def inside():
        return minnet.ones(1)

    assert inside().is_inference() and not minnet.ones(1).is_inference()
    made = []
    with minnet.inference_mode():
        thread = threading.Thread(target=lambda: made.append(minnet.ones(1)))
        thread.start()
        thread.join()
    assert not made[0].is_inference()


def test_a_network_made_in_inference_mode_predicts_and_refuses_to_train():
    with minnet.inference_mode():
        net = minnet.nn.Linear(2, 2)
        minnet.nn.init.ones_(net.weight)
        net(minnet.ones(1, 2))
    with minnet.no_grad():
        net(minnet.ones(1, 2))
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        net(minnet.ones(1, 2, requires_grad=True))
