"""What programs ask of `torchvision` itself."""

__version__ = "0.28.0"
