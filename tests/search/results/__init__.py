"""Statistics, leaderboard, races."""
