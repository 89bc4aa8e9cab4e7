"""What happens to images on the device."""
