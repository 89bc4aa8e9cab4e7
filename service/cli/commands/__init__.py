"""One file a group of commands. What is heavy is imported inside the commands."""
