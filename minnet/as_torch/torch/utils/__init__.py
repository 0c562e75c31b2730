"""torch.utils: a house for what lies in it."""
