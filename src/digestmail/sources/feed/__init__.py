"""RSS, Atom and JSON Feed.

``source`` asks, ``guard`` has a process of its own (``child``) read the answer by ``reading`` and ``markup``, and
``papers`` makes papers of what it found. Nothing is imported here: the process is started for every feed.
"""
