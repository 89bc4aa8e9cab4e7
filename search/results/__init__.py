"""What trials have shown: records, statistics with intervals, leaderboard, races of finalists, fronts, importance.

May import `spec` and `space`. Used by the API and by commands that train in the foreground.
"""
