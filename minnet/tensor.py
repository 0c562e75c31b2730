"""`Tensor`: an array with a history."""

from __future__ import annotations

import builtins
import warnings
import weakref
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from minnet import backward, devices, dtypes, formats, functional, kernels, printing
from minnet.functional import shape as shapes
from minnet.functional.arithmetic import OPERANDS
from minnet.graph import RemovableHandle, hooks_of, register
from minnet.methods import Methods
from minnet.mode import mode
from minnet.operation import operation
from minnet.reading import read
from minnet.size import Size, ints
from minnet.variable import UNTRACKED, Hooks, Variable, register_tensor, wrap


class Tensor(Methods, Variable):
    """A multi-dimensional array that can remember how it was computed.

    It speaks torch's names: `x.sum().backward()` fills `.grad` of the leaves it came from. Make one
    with `minnet.tensor`, `minnet.zeros`, `minnet.from_numpy` and their kin.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, -2.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y
        tensor(5., grad_fn=<SumBackward0>)
        >>> y.backward()
        >>> x.grad
        tensor([ 2., -4.])
    """

    __array_priority__ = 1000.0
    __hash__ = object.__hash__

    def __init__(self, *data: Any):
        """Make a float32 tensor of some data, or an unset one of some sizes: `Tensor(2, 3)`."""
        if len(data) == 1 and isinstance(data[0], Variable):
            self.array = data[0].array
            self._counter = data[0].counter()
        elif len(data) == 1 and not isinstance(data[0], builtins.int | Size):
            self.array = read(data[0], dtypes.float32).copy()
        else:
            self.array = np.empty(ints(data) if data else 0, np.float32)

    # What it is

    @property
    def shape(self) -> Size:
        """The sizes of the dims."""
        return Size(self.array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.OF_NUMPY[self.array.dtype]

    @property
    def device(self) -> devices.device:
        """Where the elements are."""
        return kernels.device_of(self.array)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.array.nbytes

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user and not by a recorded operation."""
        return self.grad_fn is None

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return self.device.type == "cuda"

    def get_device(self) -> int:
        """Return the number of the GPU, or -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    @property
    def layout(self) -> str:
        """How the elements are stored."""
        return "torch.strided"

    def dim(self) -> int:
        """Return the number of dims."""
        return self.array.ndim

    ndimension = dim

    def nelement(self) -> int:
        """Return the number of elements."""
        return self.array.size

    numel = nelement

    def element_size(self) -> int:
        """Return the bytes of an element."""
        return self.array.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Return the distances in elements between neighbours along each dim, or along one."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Return whether the memory is in row order."""
        return self.array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Return whether the dtype is floating point."""
        return self.array.dtype.kind == "f"

    def data_ptr(self) -> int:
        """Return the address of the first element, or 0 if there is none."""
        return self.array.ctypes.data if self.array.size else 0

    def type(self, dtype: Any = None) -> Any:
        """Return torch's name for the tensor's type; given a dtype, the tensor in that dtype."""
        if dtype is not None:
            named = {f"torch.{d.tensor_type}Tensor": d for d in dtypes.ALL}
            return self.to(named.get(dtype, getattr(dtype, "dtype", dtype)))
        return f"torch.{'cuda.' if self.is_cuda else ''}{self.dtype.tensor_type}Tensor"

    def __repr__(self) -> str:
        node = self.grad_fn
        return printing.format_tensor(
            kernels.moved(self.array, "cpu"),
            device=str(self.device) if self.is_cuda else None,
            default_dtype=dtypes.get_default_dtype().numpy,
            requires_grad=self._requires_grad,
            grad_fn=None if node is None else f"<{node.name().removeprefix('torch::autograd::')}>",
        )

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0 and builtins.type(self) is Tensor:
            return format(self.array.item(), spec)
        return object.__format__(self, spec)

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(functional.unbind(self, 0))

    def __contains__(self, element: Any) -> bool:
        value = element.array if isinstance(element, Variable) else element
        return builtins.bool((self.array == value).any())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            how_many = "more than one value" if self.array.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {how_many} is ambiguous")
        return builtins.bool(self.array.item())

    def _only(self) -> Any:
        if self.array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.array.item()

    def __float__(self) -> float:
        return builtins.float(self._only())

    def __int__(self) -> int:
        return builtins.int(self._only())

    def __index__(self) -> int:
        if self.array.dtype.kind == "f" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return builtins.int(self.array.item())

    # Python and NumPy

    def item(self) -> Any:
        """Return the one element as a Python number.

        Raises:
            RuntimeError: if there is not exactly one.
        """
        if self.array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self.array.size} elements cannot be converted to Scalar"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Return the array, which shares memory with the tensor, and is read-only where it is.

        Raises:
            RuntimeError: if the tensor requires grad, unless `force` or under `no_grad`.
            TypeError: if it is on a GPU, unless `force`, which makes a copy of it then.
        """
        if not force and mode.enabled and self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        return kernels.moved(self.array, "cpu") if force else kernels.on_host(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    @property
    def __cuda_array_interface__(self) -> Any:
        """What CuPy, Numba and torch read a tensor on the GPU from without a copy."""
        if not self.is_cuda:
            raise AttributeError(
                "Can't get __cuda_array_interface__ on non-CUDA tensor type: "
                f"{self.type()} If CUDA data is required use tensor.cuda() to copy tensor to "
                "device memory."
            )
        if self.requires_grad:
            raise RuntimeError(
                "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients "
                "aren't required, use var.detach() to get Variable that doesn't require grad."
            )
        array: Any = self.array
        return array.__cuda_array_interface__

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self.array, self._requires_grad), self._carried()

    def _carried(self) -> dict[str, Any] | None:
        """Return the attributes that a copy gets, whose version begins with 0."""
        carried = dict(self.__dict__)
        record = carried.get("_initialization")
        if record is not None:
            carried["_initialization"] = record.of_copy(record.version == self._version)
        return carried or None

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self.grad_fn is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment; use detach().clone()"
            )
        copied = memo.get(builtins.id(self))
        if copied is None:
            copied = _rebuilt(type(self), self.array.copy(), self._requires_grad)
            memo[builtins.id(self)] = copied
            copied.__dict__.update(deepcopy(self._carried() or {}, memo))
            if self._grad is not None:
                copied._grad = wrap(self._grad.array.copy())
        return copied

    # Gradients

    @Variable.requires_grad.setter  # type: ignore[attr-defined]
    def requires_grad(self, value: builtins.bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set whether gradients flow to this tensor, and return it.

        Raises:
            RuntimeError: if the dtype is not floating point, or the tensor is not a leaf, or was
                made in inference mode and this is outside.
        """
        if requires_grad and self.array.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self.is_inference() and not mode.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                "allowed: clone() it"
            )
        if not requires_grad and self.grad_fn is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if self.grad_fn is None:
            self._requires_grad = builtins.bool(requires_grad)
        return self

    @property
    def grad(self) -> Any:
        """The accumulated gradient, or None: only leaves, and what retains it, have one."""
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you "
                "access the leaf Tensor instead.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    "assigned grad expected to be a Tensor or None but got grad of type "
                    f"{type(value).__name__}"
                )
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    "assigned grad has data of a different size: expected "
                    f"{list(self.array.shape)}, got {list(value.array.shape)}"
                )
            if value.array.dtype != self.array.dtype:
                raise RuntimeError("assigned grad has data of a different type")
            if value.device != self.device:
                raise RuntimeError(
                    "assigned grad has data located on a different device: expected "
                    f"{self.device}, got {value.device}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Any:
        """The values alone: a tensor on the same memory, whose changes backward does not notice."""
        out = wrap(self.array)
        out._counter = UNTRACKED if self.is_inference() else None
        return out

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self.array = value.array

    def detach(self) -> Any:
        """Return a tensor that shares memory but has no history."""
        out = wrap(self.array)
        out._counter = self.counter()
        return out

    def detach_(self) -> Any:
        """Forget the history of this tensor, and return it.

        Raises:
            RuntimeError: if it is a view of a tensor that gradients flow to.
        """
        if self._view is not None and self.requires_grad:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        self._requires_grad = False
        return self

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves; see `autograd.backward`.

        Example:
            >>> import minnet
            >>> w = minnet.tensor([3.0, 4.0], requires_grad=True)
            >>> (w * w).sum().backward()
            >>> w.grad
            tensor([6., 8.])
        """
        backward.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(grad)` when the gradient of this tensor is computed; it may return another.

        Raises:
            RuntimeError: if the tensor does not require grad.
        """
        if self.grad_fn is not None:
            return self.grad_fn.on_result(self._slot, hook)
        return register(self._leaf_hooks().before, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(tensor)` after a gradient has been added to this leaf's `.grad`.

        Raises:
            RuntimeError: if the tensor does not require grad, or is no leaf.

        Example:
            >>> import minnet
            >>> x = minnet.ones(2, requires_grad=True)
            >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
            >>> (x * 3).sum().backward()
            tensor([3., 3.])
        """
        if self.grad_fn is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        return register(self._leaf_hooks().after, hook)

    def _leaf_hooks(self) -> Hooks:
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return hooks_of(self)

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf tensor in `.grad`.

        Raises:
            RuntimeError: if the tensor does not require grad.
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.grad_fn is not None:
            node = self.grad_fn
            node.retain = {**(node.retain or {}), self._slot: weakref.ref(self)}

    @property
    def retains_grad(self) -> bool:
        """Whether a non-leaf tensor keeps its gradient."""
        node = self.grad_fn
        return node is not None and self._slot in (node.retain or {})

    # Dtype and device

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tensor in a dtype or on a device; itself if nothing changes.

        Takes a dtype, a device, another tensor, or several of them, as torch does.

        Raises:
            RuntimeError: for a device that cannot be used.

        Example:
            >>> import minnet
            >>> minnet.tensor([1, 2]).to(minnet.float32)
            tensor([1., 2.])
        """
        copy = kwargs.pop("copy", False)
        kwargs.pop("non_blocking", None)
        formats.check(kwargs.pop("memory_format", None))
        dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
        if kwargs:
            raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
        for arg in args:
            if isinstance(arg, Variable):
                dtype, device = dtypes.of(arg.array), kernels.device_of(arg.array)
            elif isinstance(arg, dtypes.dtype) or arg in tuple(dtypes.OF_PYTHON):
                dtype = arg
            elif isinstance(arg, str | devices.device):
                device = arg
            elif not isinstance(arg, builtins.bool):
                raise TypeError(
                    f"to() expects a dtype, a device or a tensor, got {type(arg).__name__}"
                )
        out = self
        if dtype is not None and dtypes.numpy_of(dtype) != self.array.dtype:
            out = functional.cast(out, dtypes.numpy_of(dtype))
        if device is not None and kernels.checked(device) != self.device:
            out = moved(out, kernels.checked(device), self.device)
        return functional.clone(self) if copy and out is self else out

    def cpu(self, memory_format: Any = None) -> Any:
        """Return the tensor on the CPU: itself if it is there, else a copy."""
        return self.to(devices.CPU)

    def cuda(self, device: Any = None, non_blocking: builtins.bool = False) -> Any:
        """Return the tensor on the GPU: itself if it is there, else a copy.

        Raises:
            RuntimeError: if there is no GPU to use; `minnet.cuda.why_not()` says the reason too.
        """
        if isinstance(device, builtins.int):
            device = devices.device("cuda", device)
        return self.to("cuda" if device is None else device)

    def float(self) -> Any:
        """Return the tensor in float32."""
        return self.to(dtypes.float32)

    def double(self) -> Any:
        """Return the tensor in float64."""
        return self.to(dtypes.float64)

    def long(self) -> Any:
        """Return the tensor in int64."""
        return self.to(dtypes.int64)

    def int(self) -> Any:
        """Return the tensor in int32."""
        return self.to(dtypes.int32)

    def byte(self) -> Any:
        """Return the tensor in uint8."""
        return self.to(dtypes.uint8)

    def bool(self) -> Any:
        """Return the tensor in bool."""
        return self.to(dtypes.bool_)

    def type_as(self, other: Any) -> Any:
        """Return the tensor in the dtype of another."""
        return self.to(other)

    def copy_(self, other: Any, non_blocking: builtins.bool = False) -> Any:
        """Set the elements to those of `other`, broadcast, cast and moved, and return the tensor.

        Raises:
            RuntimeError: for a leaf that requires grad, outside `no_grad`, or if `other` does not
                broadcast to the shape.

        Example:
            >>> import minnet
            >>> minnet.zeros(2, 2).copy_(minnet.tensor([1, 2]))
            tensor([[1., 2.],
                    [1., 2.]])
        """
        if isinstance(other, Tensor) and type(other.array) is not type(self.array):
            other = other.to(self.device)
        return shapes.copy_(self, other)

    def where(self, condition: Any, other: Any) -> Any:
        """Return this tensor's elements where `condition` is true, elsewhere those of `other`."""
        return functional.where(condition, self, other)

    # Operators

    def __eq__(self, other: object) -> Any:
        return functional.eq(self, other) if isinstance(other, OPERANDS) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return functional.ne(self, other) if isinstance(other, OPERANDS) else NotImplemented

    @property
    def T(self) -> Any:
        """The transpose."""
        return functional.permute(self, tuple(reversed(range(self.array.ndim))))

    @property
    def mT(self) -> Any:
        """The transpose of the last two dims."""
        return functional.transpose(self, -1, -2)


@operation("ToCopyBackward0", lambda V, dy, source: V.moved(dy, source, None), where="")
def moved(input: Any, device: Any, source: Any) -> Any:
    """Return a copy on another device than `source`."""
    return kernels.moved(input, device)


def _rebuilt(cls: type[Any], array: np.ndarray, requires_grad: bool) -> Any:
    tensor = Variable.__new__(cls)
    if isinstance(array, np.ndarray):  # or one of its kinds, such as a memory map
        array = np.asarray(array) if array.flags.writeable else np.array(array)
    tensor.array = array
    tensor._requires_grad = requires_grad
    return tensor


register_tensor(Tensor)
