"""torch.backends: libraries that torch computes with. minnet computes with its own kernels."""
