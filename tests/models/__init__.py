"""Networks, data and training; a folder a room of `models`."""
