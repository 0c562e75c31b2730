"""MNIST and Fashion-MNIST: four files found, downloaded where asked, verified, and read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minnet import atomic
from minnet.data import idx
from minnet.data.images import LabelledImages

TIMEOUT = 15  # seconds without an answer


class MNIST(LabelledImages):
    """Handwritten digits: 60,000 to train on and 10,000 to test with (LeCun, Cortes, Burges 1998).

    The four IDX files are looked for in `root` and in `root/MNIST/raw`, where torchvision keeps
    them, gzipped or not. Without `root` it is the environment variable `MINNET_DATA_DIR`, or else
    a folder of the user's cache.

    Args:
        root: the folder with the files.
        train: which part, training or test.
        transform: called with each image, a uint8 tensor (28, 28), when a sample is taken. (Where
            torchvision gives it a Pillow image, `transforms.ToPILImage()` makes one.)
        target_transform: called with each label, an int.
        download: fetch what is missing, into `root/MNIST/raw`. Needs `minnet[examples]`.
        verify: check that the content is MNIST's. Pass False for other data in files of the same
            names.

    Attributes:
        data: the images, a uint8 tensor (n, 28, 28).
        targets: the labels, an int64 tensor (n,).

    Raises:
        FileNotFoundError: if a file is missing and `download` is false.
        ConnectionError: if no mirror gave the right file. Nothing unfinished is left on disk.
        OSError: if the files cannot be read, or no file can be written into the folder.
        ImportError: if a download needs a package that is not installed.
        ValueError: if a file is damaged, truncated, or not MNIST's.
    """

    name = "MNIST"
    # Tried in order. The files' first home, yann.lecun.com, no longer hands them out.
    mirrors: ClassVar[Sequence[str]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    # SHA-256 of what each file holds, and MD5 of the .gz as published. When a file is read only the
    # content is compared, since anyone may have compressed it anew.
    files: ClassVar[dict[str, tuple[str | None, str]]] = {
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "d53e105ee54ea40749a09fcbcd1e9432",
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "9fb629c4189551a2d022fa330f9573f3",
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    }

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = False,
        verify: bool = True,
    ):
        self.root = cache_folder() if root is None else Path(root).expanduser()
        self.train = train
        if download:
            self._download()
        split = "train" if train else "t10k"
        names = (f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte")
        paths = [self._find(name) for name in names]
        missing = [name for name, path in zip(names, paths, strict=True) if path is None]
        if missing:
            raise FileNotFoundError(
                f"{self.name} is not in {self.root}: expected {' and '.join(missing)}, gzipped or "
                f"not, there or in its folder {type(self).__name__}/raw; pass download=True, or "
                "the folder with the files"
            )
        images, labels = (
            self._read(path, name, verify) for path, name in zip(paths, names, strict=True) if path
        )
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            raise ValueError(
                f"{paths[0]} does not hold images like {self.name}'s: expected uint8 of shape "
                f"(n, 28, 28), found {images.dtype} of shape {images.shape}"
            )
        if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{paths[1]} does not fit the images: expected uint8 labels of shape "
                f"({len(images)},), found {labels.dtype} of shape {labels.shape}"
            )
        super().__init__(images, labels, transform, target_transform)

    @property
    def raw_folder(self) -> str:
        """Where torchvision keeps the files, and a download puts them."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def _find(self, name: str) -> Path | None:
        for folder in (Path(self.raw_folder), self.root):
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
        return None

    def _read(self, path: Path, name: str, verify: bool) -> np.ndarray:
        data = idx.content(path)
        array = idx.parse(data, path)  # before the checksum: "truncated" says more than "differs"
        if verify:
            self._verify(path, name, hashlib.sha256(data).hexdigest())
        return array

    def _verify(self, path: Path, name: str, found: str) -> None:
        expected = self.files[name][0]
        if found != expected:
            raise ValueError(
                f"{path} is not {self.name}'s {name}: expected content with SHA-256 {expected}, "
                f"found {found}; delete the file and download it again, or pass verify=False if it "
                "is meant to hold other data"
            )

    def _download(self) -> None:
        missing = [name for name in self.files if self._find(name) is None]
        if not missing:
            return
        try:
            import pooch
            import requests  # which pooch downloads by
            import tqdm  # noqa: F401, pooch's progress bar
        except ImportError as error:
            raise ImportError(
                f"downloading {self.name} needs the package {error.name}: "
                'pip install "minnet[examples]"'
            ) from error
        folder = Path(self.raw_folder)
        new = [path for path in (folder, *folder.parents) if not path.exists()]  # innermost first
        mirrors = list(self.mirrors)
        download = pooch.HTTPDownloader(
            progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=TIMEOUT
        )
        try:
            for name in missing:
                self._fetch(name, folder, mirrors, download, requests.RequestException)
        except BaseException:
            for path in new:
                with contextlib.suppress(OSError):  # absent, or it holds a file that came through
                    path.rmdir()
            raise

    def _fetch(
        self,
        name: str,
        folder: Path,
        mirrors: list[str],
        download: Any,
        failure: type[Exception],
    ) -> None:
        """Download one file from the first mirror that gives it right; put the others behind it."""
        failures = []
        for mirror in tuple(mirrors):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with atomic.replacing(folder / f"{name}.gz") as file:
                    download(f"{mirror}{name}.gz", file, None)
                    file.flush()
                    _check(Path(file.name), self.files[name][1])
                return
            except (failure, ValueError) as error:  # no network, no such file; another file
                failures.append(f"{mirror}: {_innermost(error)}")
                mirrors.append(mirrors.pop(0))
        raise ConnectionError(
            f"could not download {name}.gz ({'; '.join(failures)}); "
            f"to do without, put {self.name}'s four files into {folder}"
        )

    def __repr__(self) -> str:
        return self._describe(f"Root location: {self.root}")


class FashionMNIST(MNIST):
    """Pictures of clothes in the form of MNIST: 60,000 and 10,000 (Xiao, Rasul, Vollgraf 2017).

    Everything is as with `MNIST`, but for the folder, `root/FashionMNIST/raw`, and the check: files
    that are downloaded are compared with those published, others only with MNIST's own.
    """

    name = "Fashion-MNIST"
    classes: ClassVar = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    files: ClassVar = {
        "train-images-idx3-ubyte": (None, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        "train-labels-idx1-ubyte": (None, "25c81989df183df01b3e8a0aad5dffbe"),
        "t10k-images-idx3-ubyte": (None, "bef4ecab320f06d8554ea6380940ec79"),
        "t10k-labels-idx1-ubyte": (None, "bb300cfdad3c16e7a12a480ee83cd310"),
    }

    def _verify(self, path: Path, name: str, found: str) -> None:
        if found == MNIST.files[name][0]:
            raise ValueError(
                f"{path} holds the digits of MNIST: Fashion-MNIST has files of the same names, in "
                "another folder"
            )


def cache_folder() -> Path:
    """Return the folder that holds downloaded data: `MINNET_DATA_DIR`, or the user's cache.

    Raises:
        FileNotFoundError: if there is neither that variable nor a home directory.

    Example:
        >>> import os
        >>> from minnet.data.mnist import cache_folder
        >>> os.environ["MINNET_DATA_DIR"] = "somewhere"
        >>> cache_folder().name
        'somewhere'
        >>> del os.environ["MINNET_DATA_DIR"]
    """
    chosen = os.environ.get("MINNET_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise FileNotFoundError(
            "there is no home directory to look for data in: name the folder of the data, as "
            "`root` or by the environment variable MINNET_DATA_DIR"
        ) from None
    return base / "minnet" / "data"


def _check(path: Path, expected: str) -> None:
    data = path.read_bytes()
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(
            f"the answer is another file: {len(data)} bytes that begin with {data[:20]!r}, whose "
            f"MD5 hash is {found} and not {expected}"
        )


def _innermost(error: BaseException) -> BaseException:
    """Return the error at the bottom: of a failed request, the one that names the reason."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
