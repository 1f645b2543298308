"""The ledger: predictions wait for their label, in SQLite or PostgreSQL."""

from ml_models.monitoring.ledger.databases import Database, Sqlite, open_database
from ml_models.monitoring.ledger.ledger import Ledger, LedgerSettings, LedgerState, open_ledger
from ml_models.monitoring.ledger.results import actual_of, corrected_of, joined_of
from ml_models.monitoring.ledger.store import Written

__all__ = [
    "Database",
    "Ledger",
    "LedgerSettings",
    "LedgerState",
    "Sqlite",
    "Written",
    "actual_of",
    "corrected_of",
    "joined_of",
    "open_database",
    "open_ledger",
]
