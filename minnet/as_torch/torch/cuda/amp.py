"""torch.cuda.amp: the same as torch.amp."""

from minnet.as_torch.torch.amp import GradScaler as GradScaler
from minnet.as_torch.torch.amp import autocast as autocast
