"""Images to train on. `registry` is standard library only; loading happens in workers."""
