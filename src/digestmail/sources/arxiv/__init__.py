"""arXiv: what its categories announce each day, the days that were missed, and saved searches.

``daily.py`` reads the feeds of rss.arxiv.org and fills in missed days from OAI-PMH (``harvest.py``); ``searching.py``
asks the query API. Both translate with pure parsers (bytes → entries): ``feeds.py``, ``records.py``, ``results.py``,
over ``documents.py`` (XML), ``entries.py`` (what becomes a paper), ``batches.py`` (which day) and ``categories.py``.
"""
