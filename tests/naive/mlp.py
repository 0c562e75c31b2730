"""A multilayer perceptron layer by layer. The twin of `minnet.kernels.cpu.mlp`."""

from naive import linear, pointwise


def mlp(x, layers):
    """Return the input and what each layer gives; a layer is (w, bias, activation or None)."""
    outputs = [x]
    for w, bias, name in layers:
        y = linear.linear(outputs[-1], w, bias)
        outputs.append(getattr(pointwise, name)(y) if name else y)
    return outputs


def mlp_backward(dy, outputs, layers):
    """Return the gradients of x, and of w and the bias of each layer."""
    gradients = []
    for (w, _, name), x, y in reversed(list(zip(layers, outputs, outputs[1:], strict=False))):
        if name:
            dy = getattr(pointwise, f"{name}_backward")(dy, y)
        dy, dw, db = linear.linear_backward(dy, x, w)
        gradients = [dw, db, *gradients]
    return [dy, *gradients]
