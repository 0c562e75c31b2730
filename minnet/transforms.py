"""What becomes of a picture before a network sees it, under torchvision's names.

A picture is a Pillow image, or a tensor (..., height, width), as the data sets here give it; what
comes out is of the same kind, except where a name says otherwise. What needs Pillow imports it when
it is called. Whatever is random draws from the default generator, in torchvision's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from minnet import creation, dtypes
from minnet.tensor import Tensor
from minnet.variable import wrap

__all__ = [
    "CenterCrop", "Compose", "ConvertImageDtype", "Grayscale", "InterpolationMode", "Lambda",
    "Normalize", "PILToTensor", "Pad", "RandomCrop", "RandomHorizontalFlip", "RandomRotation",
    "RandomVerticalFlip", "Resize", "ToDtype", "ToImage", "ToPILImage", "ToTensor", "center_crop",
    "convert_image_dtype", "crop", "hflip", "normalize", "pad", "pil_to_tensor", "resize", "rotate",
    "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip


class InterpolationMode(Enum):
    """How a picture is read between its pixels."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Kinds of pictures


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("this transform needs Pillow: pip install pillow") from error
    return Image


def _is_pil(image: Any) -> bool:
    return type(image).__module__.startswith("PIL.")


def _pixels(image: Any) -> np.ndarray:
    """Return the pixels of an image of Pillow or of an array: (height, width[, channels])."""
    array = np.asarray(image)
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    return array.astype(np.uint8) * 255 if array.dtype == bool else array


def _planes(picture: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """Return a picture as (..., height, width), and what makes a picture of such an array again.

    Raises:
        TypeError: if it is none.
        RuntimeError: if it is a tensor that requires grad.
    """
    if _is_pil(picture):
        image, array = _pillow(), np.asarray(picture)
        if array.ndim == 2:
            return array, lambda planes: image.fromarray(np.ascontiguousarray(planes))
        back = lambda planes: image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))  # noqa: E731
        return np.moveaxis(array, -1, 0), back
    if not isinstance(picture, Tensor) or picture.ndim < 2:
        got = f"shape {tuple(picture.shape)}" if isinstance(picture, Tensor) else type(picture)
        raise TypeError(f"expected a Pillow image or a tensor (..., height, width), got {got}")
    if picture.requires_grad:
        raise RuntimeError("transforms have no gradients: pass the tensor's .detach()")
    return picture.array, lambda planes: wrap(np.ascontiguousarray(planes))


def _by_pillow(picture: Any, change: Callable[[Any], Any]) -> Any:
    """Return a picture whose planes, or which itself, Pillow has changed."""
    if _is_pil(picture):
        return change(picture)
    array, back = _planes(picture)
    kind = np.uint8 if array.dtype == np.uint8 else np.float32  # which Pillow computes in
    planes = array.astype(kind).reshape(-1, *array.shape[-2:])
    changed = np.stack([np.asarray(change(_pillow().fromarray(plane))) for plane in planes])
    if array.dtype.kind in "bui":
        changed = np.rint(changed)
    return back(changed.astype(array.dtype).reshape(*array.shape[:-2], *changed.shape[1:]))


def _resample(interpolation: Any) -> Any:
    if isinstance(interpolation, InterpolationMode):
        return getattr(_pillow().Resampling, interpolation.name)
    return _pillow().Resampling(interpolation)


def _pair(size: Any, what: str = "size") -> tuple[int, int]:
    """Return (height, width): a number is both, and so is a sequence of one."""
    numbers = [size] if isinstance(size, int) else list(size)
    if len(numbers) not in (1, 2):
        raise ValueError(f"Please provide only two dimensions (h, w) for {what}, got {size}")
    return int(numbers[0]), int(numbers[-1])


# Functions


def to_tensor(pic: Any) -> Tensor:
    """Return a picture as a tensor (channels, height, width).

    A uint8 picture becomes float32 in [0, 1]; what has another dtype keeps its values.

    Args:
        pic: a Pillow image, an array (height, width) or (height, width, channels), or a picture of
            the data sets here, a tensor (height, width).

    Raises:
        TypeError, ValueError: if it is none of these.

    Example:
        >>> import numpy, minnet
        >>> minnet.transforms.to_tensor(numpy.array([[0, 51, 255]], numpy.uint8))
        tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    array = _channels(pic)
    if array.dtype == np.uint8:
        return wrap(array.astype(np.float32) / np.float32(255))
    return wrap(array)


def pil_to_tensor(pic: Any) -> Tensor:
    """Return a picture as a tensor (channels, height, width) of its own dtype."""
    return wrap(_channels(pic))


def _channels(pic: Any) -> np.ndarray:
    if isinstance(pic, Tensor) and pic.ndim == 2:
        return pic.array[None].copy()
    if not (_is_pil(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    array = _pixels(pic)
    if array.dtype == np.uint16:  # of 16-bit gray images
        array = array.astype(np.int32)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Return a tensor (channels, height, width) or (height, width), or an array, as Pillow image.

    Floats of a tensor are taken to be in [0, 1].
    """
    if isinstance(pic, Tensor):
        array = pic.detach().numpy()
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
        if array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if array.ndim == 3 and array.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    image = _pillow().fromarray(
        np.ascontiguousarray(array[..., 0] if array.shape[2:] == (1,) else array)
    )
    return image if mode is None or image.mode == mode else image.convert(mode)


def normalize(tensor: Any, mean: Any, std: Any, inplace: bool = False) -> Any:
    """Return (tensor - mean) / std, by channel, of a tensor (..., channels, height, width).

    Raises:
        TypeError: if it is no floating-point tensor.
        ValueError: if it has too few dimensions, or a `std` is 0.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    mean, std = (
        creation.as_tensor(x, dtype=tensor.dtype, device=tensor.device) for x in (mean, std)
    )
    if (std == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero"
        )
    mean, std = (x.reshape(-1, 1, 1) if x.ndim == 1 else x for x in (mean, std))
    return (tensor if inplace else tensor.clone()).sub_(mean).div_(std)


def convert_image_dtype(image: Any, dtype: Any = dtypes.float32) -> Any:
    """Return a picture in another dtype, its values scaled: 1.0 is the largest whole number."""
    new, old = dtypes.numpy_of(dtype), image.array.dtype
    if new == old:
        return image
    if old.kind == "f":
        if new.kind == "f":
            return image.to(dtype)
        return wrap((image.array * (np.iinfo(new).max + 1.0 - 1e-3)).astype(new))
    if new.kind == "f":
        return image.to(dtype) / np.iinfo(old).max
    most, new_most = np.iinfo(old).max, np.iinfo(new).max
    if most > new_most:
        return wrap((image.array // ((most + 1) // (new_most + 1))).astype(new))
    return wrap(image.array.astype(new) * new.type((new_most + 1) // (most + 1)))


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Return a picture of another size, by Pillow, which smooths what it makes smaller.

    Args:
        size: (height, width), or a number for the shorter side.
        max_size: with a number, the most that the longer side may have.
        antialias: is there for torchvision's sake.
    """
    shape = np.asarray(img).shape[:2] if _is_pil(img) else img.shape[-2:]
    resample = _resample(interpolation)
    if isinstance(size, int) or len(size) == 1:
        short, wanted = min(shape), size if isinstance(size, int) else size[0]
        longer = int(wanted * max(shape) / short)
        if max_size is not None and longer > max_size:
            wanted, longer = int(max_size * wanted / longer), max_size
        new = (wanted, longer) if shape[0] <= shape[1] else (longer, wanted)
    elif max_size is not None:
        raise ValueError(
            "max_size should only be passed if size specifies the smaller edge's length"
        )
    else:
        new = _pair(size)
    if tuple(shape) == new:
        return img
    return _by_pillow(img, lambda image: image.resize(new[::-1], resample))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of a picture; beyond its edges there are zeros."""
    planes, back = _planes(img)
    h, w = planes.shape[-2:]
    beyond = (max(-left, 0), max(-top, 0), max(left + width - w, 0), max(top + height - h, 0))
    if any(beyond):
        planes = _padded(planes, beyond)
        top, left = top + beyond[1], left + beyond[0]
    return back(planes[..., top : top + height, left : left + width])


def center_crop(img: Any, output_size: Any) -> Any:
    """Return the middle of a picture, with zeros around it where it is too small."""
    height, width = _pair(output_size)
    planes, back = _planes(img)
    more = max(width - planes.shape[-1], 0), max(height - planes.shape[-2], 0)
    planes = _padded(planes, (more[0] // 2, more[1] // 2, (more[0] + 1) // 2, (more[1] + 1) // 2))
    h, w = planes.shape[-2:]
    return crop(back(planes), round((h - height) / 2), round((w - width) / 2), height, width)


MODES = ("constant", "edge", "reflect", "symmetric")


def _padded(planes: np.ndarray, sides: Any, fill: Any = 0, mode: str = "constant") -> np.ndarray:
    left, top, right, bottom = sides
    if not any(sides):
        return planes
    widths = [(0, 0)] * (planes.ndim - 2) + [(top, bottom), (left, right)]
    if mode != "constant":
        return np.pad(planes, widths, mode)  # type: ignore[call-overload]
    shape = [n + sum(width) for n, width in zip(planes.shape, widths, strict=True)]
    fill = np.asarray(fill, planes.dtype)
    out = np.empty(shape, planes.dtype)
    out[...] = fill.reshape(-1, 1, 1) if fill.ndim else fill
    out[..., top : shape[-2] - bottom, left : shape[-1] - right] = planes
    return out


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Return a picture with more on its sides.

    Args:
        padding: pixels on all sides, or (left and right, top and bottom), or (left, top, right,
            bottom).
        fill: of the new pixels, or of each of their channels.
        padding_mode: "constant", "edge", "reflect" or "symmetric".
    """
    if padding_mode not in MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(sides)} element tuple"
        )
    planes, back = _planes(img)
    return back(_padded(planes, sides * (4 // len(sides)), fill, padding_mode))


def hflip(img: Any) -> Any:
    """Return a picture with left and right exchanged."""
    planes, back = _planes(img)
    return back(planes[..., ::-1])


def vflip(img: Any) -> Any:
    """Return a picture upside down."""
    planes, back = _planes(img)
    return back(planes[..., ::-1, :])


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = 0,
) -> Any:
    """Return a picture turned counter-clockwise by degrees, by Pillow."""
    options = {"expand": expand, "center": center, "fillcolor": fill}
    resample = _resample(interpolation)
    return _by_pillow(img, lambda image: image.rotate(angle, resample, **options))


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Return a picture without colours, in one channel or in three equal ones."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if _is_pil(img):
        gray = img.convert("L")
        return gray if num_output_channels == 1 else _pillow().merge("RGB", [gray] * 3)
    planes, back = _planes(img)
    if planes.ndim > 2 and planes.shape[-3] == 3:
        red, green, blue = (planes[..., i : i + 1, :, :] for i in range(3))
        planes = (0.2989 * red + 0.587 * green + 0.114 * blue).astype(planes.dtype)
    if num_output_channels == 3:
        planes = np.repeat(planes[None] if planes.ndim == 2 else planes, 3, -3)
    return back(planes)


# Transforms


class _Transform:
    """What is printed with the arguments named in `shown`."""

    shown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self.shown)
        shown = (f"{k}={v.value if isinstance(v, Enum) else v}" for k, v in values)
        return f"{type(self).__name__}({', '.join(shown)})"


class Compose:
    """Transforms one after another.

    `ToTensor`, alone or with `Normalize` of one channel behind it, is done to a whole batch of
    MNIST in one pass, with the same bits.

    Example:
        >>> from minnet.transforms import Compose, Normalize, ToTensor
        >>> Compose([ToTensor(), Normalize((0.5,), (0.5,))])
        Compose(
            ToTensor()
            Normalize(mean=(0.5,), std=(0.5,))
        )
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def scaling(self) -> tuple[float, float, tuple[int, ...]] | None:
        kinds = [type(transform) for transform in self.transforms]
        if type(self) is not Compose or kinds not in ([ToTensor], [ToTensor, Normalize]):
            return None
        return self.transforms[-1].scaling()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        lines = [f"    {transform}" for transform in self.transforms]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class Lambda(_Transform):
    """A function as a transform.

    Raises:
        TypeError: if it cannot be called.
    """

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)


class ToTensor(_Transform):
    """`to_tensor` as a transform: uint8 pictures become float32 (channels, height, width)."""

    def __call__(self, pic: Any) -> Tensor:
        return to_tensor(pic)

    def scaling(self) -> tuple[float, float, tuple[int, ...]] | None:
        return (0.0, 1.0, (1,)) if type(self) is ToTensor else None


class PILToTensor(_Transform):
    """`pil_to_tensor` as a transform: (channels, height, width) in the picture's own dtype."""

    def __call__(self, pic: Any) -> Tensor:
        return pil_to_tensor(pic)


class ToImage(PILToTensor):
    """`PILToTensor` under the name that it has in torchvision's `v2`."""


class ConvertImageDtype(_Transform):
    """`convert_image_dtype` as a transform."""

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def __call__(self, image: Any) -> Any:
        return convert_image_dtype(image, self.dtype)


class ToDtype(_Transform):
    """A change of dtype, as in torchvision's `v2`; with `scale` as by `convert_image_dtype`."""

    shown = ("scale",)

    def __init__(self, dtype: Any, scale: bool = False):
        self.dtype = dtype
        self.scale = scale

    def __call__(self, image: Any) -> Any:
        return convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


class ToPILImage(_Transform):
    """`to_pil_image` as a transform."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return to_pil_image(pic, self.mode)


class Normalize(_Transform):
    """`normalize` as a transform."""

    shown = ("mean", "std")

    def __init__(self, mean: Any, std: Any, inplace: bool = False):
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor: Any) -> Any:
        return normalize(tensor, self.mean, self.std, self.inplace)

    def scaling(self) -> tuple[float, float, tuple[int, ...]] | None:
        """Return what it does behind `ToTensor`, if that is of one channel."""
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        one = mean.size == std.size == 1 and std.all()
        return (mean.item(), std.item(), (1,)) if one else None


class Resize(_Transform):
    """`resize` as a transform; it needs Pillow."""

    shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self,
        size: Any,
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        if not isinstance(size, int | Sequence):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Transform):
    """`center_crop` as a transform."""

    shown = ("size",)

    def __init__(self, size: Any):
        self.size = _pair(size)

    def __call__(self, img: Any) -> Any:
        return center_crop(img, self.size)


class Pad(_Transform):
    """`pad` as a transform."""

    shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        return pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(_Transform):
    """`to_grayscale` as a transform."""

    shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return to_grayscale(img, self.num_output_channels)


class RandomCrop(_Transform):
    """A part of a picture, from anywhere in it.

    Args:
        size: of the part.
        padding, fill, padding_mode: what is put around the picture before, as by `pad`.
        pad_if_needed: put as much around a picture that is too small as it needs.

    Raises:
        ValueError: if the picture is too small, when it is called.
    """

    shown = ("size", "padding")

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size = _pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        h, w = _planes(img)[0].shape[-2:]
        if self.pad_if_needed:
            more = max(width - w, 0), max(height - h, 0)
            img = pad(img, more, self.fill, self.padding_mode)
            h, w = h + 2 * more[1], w + 2 * more[0]
        if h < height or w < width:
            raise ValueError(
                f"Required crop size {self.size} is larger than input image size {(h, w)}"
            )
        if (h, w) == self.size:
            return img
        top = int(creation.randint(0, h - height + 1, (1,)))
        left = int(creation.randint(0, w - width + 1, (1,)))
        return crop(img, top, left, height, width)


class RandomHorizontalFlip(_Transform):
    """`hflip` with probability p."""

    shown = ("p",)
    flip = staticmethod(hflip)

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, img: Any) -> Any:
        return self.flip(img) if creation.rand(1).item() < self.p else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """`vflip` with probability p."""

    flip = staticmethod(vflip)


class RandomRotation(_Transform):
    """`rotate` by an angle that is uniform in `degrees`, or in ± one number. It needs Pillow."""

    shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ):
        if isinstance(degrees, int | float):
            if degrees < 0:
                raise ValueError("If degrees is a single number, it must be positive.")
            degrees = (-degrees, degrees)
        self.degrees = [float(x) for x in degrees]
        if len(self.degrees) != 2:
            raise ValueError("degrees should be a sequence of length 2.")
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    def __call__(self, img: Any) -> Any:
        angle = creation.empty(1).uniform_(*self.degrees).item()
        return rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)
