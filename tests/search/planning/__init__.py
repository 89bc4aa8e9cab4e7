"""Plans and the lifecycle."""
