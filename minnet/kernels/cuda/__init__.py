"""The kernels of the GPU: what `kernels.of` returns for an array of the device."""
