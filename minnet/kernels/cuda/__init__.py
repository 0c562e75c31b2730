"""The kernels of CUDA: what `kernels.of` returns for an array on a GPU."""
