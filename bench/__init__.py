"""Speed, measured against the bare thing on the same machine at the same time.

``make bench`` runs it; ``make bench ARGS=--quick`` in a minute.  Contenders take turns, round by
round; what counts is the ratio within a round, of which the table gives the median and the range.
"""
