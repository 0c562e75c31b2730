"""torch.version: the release whose behaviour minnet follows."""

import minnet

__version__ = f"2.13.0+minnet.{minnet.__version__}"
cuda = hip = xpu = git_version = None
debug = False
