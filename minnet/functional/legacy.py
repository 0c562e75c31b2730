"""The names of operations that are not yet declared anew. Temporary."""

from importlib import import_module

from minnet.operation import DECLARED, publish, tensors

BY_MODULE = {'activation': ['cos', 'elu', 'erf', 'exp', 'expm1', 'gelu', 'hardtanh', 'leaky_relu', 'log', 'log1p', 'logsigmoid', 'relu', 'relu6', 'selu', 'sigmoid', 'silu', 'sin', 'softplus', 'tanh'], 'arithmetic': ['abs', 'add', 'allclose', 'bitwise_and', 'bitwise_not', 'bitwise_or', 'bitwise_xor', 'ceil', 'clamp', 'div', 'eq', 'equal', 'floor', 'floor_divide', 'ge', 'gt', 'isclose', 'isfinite', 'isinf', 'isnan', 'le', 'logical_and', 'logical_not', 'logical_or', 'lt', 'maximum', 'minimum', 'mul', 'ne', 'neg', 'positive', 'pow', 'reciprocal', 'remainder', 'round', 'rsqrt', 'rsub', 'sign', 'sqrt', 'square', 'sub', 'trunc', 'where'], 'dropout': ['dropout'], 'linear': ['addmm', 'bmm', 'dot', 'linear', 'matmul', 'mm', 'outer'], 'loss': ['binary_cross_entropy_with_logits', 'cross_entropy', 'huber_loss', 'l1_loss', 'log_softmax', 'logsumexp', 'mse_loss', 'nll_loss', 'smooth_l1_loss', 'softmax'], 'reduce': ['all', 'amax', 'amin', 'any', 'argmax', 'argmin', 'argsort', 'count_nonzero', 'cumsum', 'max', 'mean', 'min', 'norm', 'prod', 'sort', 'std', 'sum', 'topk', 'var'], 'shape': ['broadcast_to', 'cast', 'cat', 'chunk', 'clone', 'concat', 'concatenate', 'contiguous', 'diag', 'expand', 'expand_as', 'filled', 'flatten', 'flip', 'gather', 'index', 'index_select', 'ints', 'masked_select', 'narrow', 'nonzero', 'numel', 'permute', 'put', 'repeat', 'reshape', 'reshape_as', 'select', 'size', 'split', 'squeeze', 'stack', 't', 'transpose', 'tril', 'triu', 'unbind', 'unflatten', 'unsqueeze', 'view', 'view_as']}
MINNET = ['abs', 'add', 'addmm', 'all', 'allclose', 'amax', 'amin', 'any', 'argmax', 'argmin', 'argsort', 'bitwise_and', 'bitwise_not', 'bitwise_or', 'bitwise_xor', 'bmm', 'broadcast_to', 'cat', 'ceil', 'chunk', 'clamp', 'clone', 'concat', 'concatenate', 'cos', 'count_nonzero', 'cumsum', 'diag', 'div', 'dot', 'dropout', 'eq', 'equal', 'erf', 'exp', 'expm1', 'flatten', 'flip', 'floor', 'floor_divide', 'gather', 'ge', 'gt', 'index_select', 'isclose', 'isfinite', 'isinf', 'isnan', 'le', 'log', 'log1p', 'log_softmax', 'logical_and', 'logical_not', 'logical_or', 'logsumexp', 'lt', 'masked_select', 'matmul', 'max', 'maximum', 'mean', 'min', 'minimum', 'mm', 'mul', 'narrow', 'ne', 'neg', 'nonzero', 'norm', 'numel', 'outer', 'permute', 'positive', 'pow', 'prod', 'reciprocal', 'relu', 'remainder', 'reshape', 'reshape_as', 'round', 'rsqrt', 'rsub', 'selu', 'sigmoid', 'sign', 'sin', 'softmax', 'sort', 'split', 'sqrt', 'square', 'squeeze', 'stack', 'std', 'sub', 'sum', 't', 'tanh', 'topk', 'transpose', 'tril', 'triu', 'trunc', 'unbind', 'unflatten', 'unsqueeze', 'var', 'view_as', 'where']
F = ['binary_cross_entropy_with_logits', 'cross_entropy', 'dropout', 'elu', 'gelu', 'hardtanh', 'huber_loss', 'l1_loss', 'leaky_relu', 'linear', 'log_softmax', 'logsigmoid', 'mse_loss', 'nll_loss', 'relu', 'relu6', 'selu', 'sigmoid', 'silu', 'smooth_l1_loss', 'softmax', 'softplus', 'tanh']
METHODS = ['abs', 'add', 'addmm', 'all', 'allclose', 'amax', 'amin', 'any', 'argmax', 'argmin', 'argsort', 'bmm', 'broadcast_to', 'ceil', 'chunk', 'clamp', 'clone', 'contiguous', 'cos', 'count_nonzero', 'cumsum', 'diag', 'div', 'dot', 'eq', 'equal', 'erf', 'exp', 'expand', 'expand_as', 'expm1', 'flatten', 'flip', 'floor', 'floor_divide', 'gather', 'ge', 'gt', 'index_select', 'isclose', 'isfinite', 'isinf', 'isnan', 'le', 'log', 'log1p', 'log_softmax', 'logical_and', 'logical_not', 'logical_or', 'logsumexp', 'lt', 'masked_select', 'matmul', 'max', 'maximum', 'mean', 'min', 'minimum', 'mm', 'mul', 'narrow', 'ne', 'neg', 'nonzero', 'norm', 'outer', 'permute', 'pow', 'prod', 'reciprocal', 'relu', 'remainder', 'repeat', 'reshape', 'reshape_as', 'round', 'rsqrt', 'select', 'sigmoid', 'sign', 'sin', 'size', 'softmax', 'sort', 'split', 'sqrt', 'square', 'squeeze', 'std', 'sub', 'sum', 't', 'tanh', 'topk', 'transpose', 'tril', 'triu', 'trunc', 'unbind', 'unflatten', 'unsqueeze', 'var', 'view', 'view_as']


def add() -> None:
    for module, names in BY_MODULE.items():
        found = import_module(f"minnet.functional.{module}")
        for name in names:
            function = getattr(found, name, None)
            if function is None or f"{function.__module__}.{name}" in DECLARED or function.__name__ != name:
                continue
            where = {"minnet"} if name in MINNET else set()
            where |= {"F"} if name in F else set()
            where |= {"Tensor"} if name in METHODS else set()
            setattr(tensors, name, function)
            publish(function, frozenset(where), "", "", None)
