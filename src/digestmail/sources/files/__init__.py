"""Files of papers: ``source`` looks for them and has each read by the module of its format.

``bibtex``, ``ris`` and ``tables`` read whole files into plain fields, ``records`` makes papers of these; ``jsonl``
reads line by line.
"""
