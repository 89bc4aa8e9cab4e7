"""What happens to images on the device, inside the compiled epoch: shift, crop, mixing, policies.

Knows no network. Used by trainers.
"""
