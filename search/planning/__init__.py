"""What a search will cost, and its next step: plan, learned times, lifecycle.

May import every room but `exports`. Used by the API and by `effscale plan`.
"""
