"""torch.backends.cuda: how torch multiplies on a GPU. minnet multiplies float32 as float32."""

from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
    fp32_precision="ieee",
)


def is_built() -> bool:
    """Return False."""
    return False
