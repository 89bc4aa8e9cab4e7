"""What to try, and what it was worth. Knows `models` and Optuna; no SQL, no HTTP, no processes.

Rooms, each importing only those before it:

    spec       what a client asks for: the specification, its parts, its target
    space      the catalogue of distinct networks, and what a search over it can show
    results    what trials have shown: records, statistics, leaderboard, races, importance
    pruning    which trials go on at a rung
    proposals  which network comes next: history, samplers, studies (the only room that knows Optuna)
    planning   what a search will cost, and what it does next
    exports    the scaling config, and its check
"""
