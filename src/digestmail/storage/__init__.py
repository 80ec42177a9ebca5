"""The store:

Corpus, subscribers, deliveries and the ledger in one database. SQLAlchemy Core; each method is one transaction.
"""
