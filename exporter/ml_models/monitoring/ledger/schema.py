"""The tables of the ledger, in SQL that SQLite and PostgreSQL both take."""

from __future__ import annotations

#: Raised when the tables change.
VERSION = 1

#: ``{bytes}`` is what the database calls a column of bytes.
TABLES = (
    "CREATE TABLE IF NOT EXISTS ml_ledger_version (version INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS ml_ledger_models (
        model INTEGER PRIMARY KEY, name {bytes} NOT NULL UNIQUE, next_record BIGINT NOT NULL,
        held BIGINT NOT NULL, labelled BIGINT NOT NULL, early BIGINT NOT NULL)""",
    # A worker's last write: tells whether a commit whose answer was lost has been done.
    """CREATE TABLE IF NOT EXISTS ml_ledger_workers (
        worker BIGINT PRIMARY KEY, write BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS ml_ledger_records (
        model INTEGER NOT NULL, record BIGINT NOT NULL, process INTEGER NOT NULL, bucket BIGINT NOT NULL,
        first_key BIGINT NOT NULL, last_key BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,
        at DOUBLE PRECISION NOT NULL, rows INTEGER NOT NULL, labelled INTEGER NOT NULL, data {bytes} NOT NULL,
        PRIMARY KEY (model, record))""",
    """CREATE INDEX IF NOT EXISTS ml_ledger_records_keys
        ON ml_ledger_records (model, process, bucket, first_key, last_key)""",
    "CREATE INDEX IF NOT EXISTS ml_ledger_records_at ON ml_ledger_records (model, at)",
    """CREATE TABLE IF NOT EXISTS ml_ledger_ids (
        model INTEGER NOT NULL, id {bytes} NOT NULL, record BIGINT NOT NULL, place INTEGER NOT NULL,
        PRIMARY KEY (model, id)){table}""",
    "CREATE INDEX IF NOT EXISTS ml_ledger_ids_record ON ml_ledger_ids (model, record)",
    """CREATE TABLE IF NOT EXISTS ml_ledger_labels (
        model INTEGER NOT NULL, record BIGINT NOT NULL, place INTEGER NOT NULL,
        label {bytes} NOT NULL, at DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, record, place)){table}""",
    """CREATE TABLE IF NOT EXISTS ml_ledger_early (
        model INTEGER NOT NULL, id {bytes} NOT NULL, process INTEGER, made_key BIGINT, made_at BIGINT,
        label {bytes} NOT NULL, at DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, id)){table}""",
    "CREATE INDEX IF NOT EXISTS ml_ledger_early_made ON ml_ledger_early (model, process, made_key)",
    "CREATE INDEX IF NOT EXISTS ml_ledger_early_at ON ml_ledger_early (model, at)",
)

# --- the model ---------------------------------------------------------------------------------------------------
GET_VERSION = "SELECT version FROM ml_ledger_version"
SET_VERSION = "INSERT INTO ml_ledger_version (version) VALUES (:version)"
GET_MODEL = "SELECT model FROM ml_ledger_models WHERE name = :name"
ADD_MODEL = """INSERT INTO ml_ledger_models (model, name, next_record, held, labelled, early)
    SELECT COALESCE(MAX(model), 0) + 1, :name, 1, 0, 0, 0 FROM ml_ledger_models"""
GET_STATE = "SELECT next_record, held, labelled, early FROM ml_ledger_models WHERE model = :model"
SET_STATE = """UPDATE ml_ledger_models
    SET next_record = :next_record, held = :held, labelled = :labelled, early = :early WHERE model = :model"""
GET_WRITE = "SELECT write FROM ml_ledger_workers WHERE worker = :worker"
SET_WRITE = """INSERT INTO ml_ledger_workers (worker, write, at) VALUES (:worker, :write, :at)
    ON CONFLICT (worker) DO UPDATE SET write = excluded.write, at = excluded.at"""
FORGET_WORKERS = "DELETE FROM ml_ledger_workers WHERE at < :before"

# --- predictions -------------------------------------------------------------------------------------------------
ADD_RECORD = """INSERT INTO ml_ledger_records
    (model, record, process, bucket, first_key, last_key, since, until, at, rows, labelled, data) VALUES
    (:model, :record, :process, :bucket, :first_key, :last_key, :since, :until, :at, :rows, 0, :data)"""
ADD_ID = """INSERT INTO ml_ledger_ids (model, id, record, place) VALUES (:model, :id, :record, :place)
    ON CONFLICT (model, id) DO UPDATE SET record = excluded.record, place = excluded.place"""
FIND_MADE = """SELECT record, first_key, last_key, since, until FROM ml_ledger_records
    WHERE model = :model AND process = :process AND bucket = :bucket AND first_key <= :high AND last_key >= :low"""
FIND_IDS = "SELECT id, record, place FROM ml_ledger_ids WHERE model = :model AND id IN ({})"
GET_RECORDS = "SELECT record, at, data FROM ml_ledger_records WHERE model = :model AND record IN ({})"
GET_TIMES = "SELECT record, at FROM ml_ledger_records WHERE model = :model AND record IN ({})"
OLDER_RECORDS = """SELECT record, rows, labelled FROM ml_ledger_records
    WHERE model = :model AND at < :before ORDER BY at LIMIT :limit"""
OLDEST_RECORDS = """SELECT record, rows, labelled FROM ml_ledger_records
    WHERE model = :model ORDER BY record LIMIT :limit"""
DROP_RECORD = "DELETE FROM ml_ledger_records WHERE model = :model AND record = :record"
DROP_IDS = "DELETE FROM ml_ledger_ids WHERE model = :model AND record = :record"
DROP_LABELS = "DELETE FROM ml_ledger_labels WHERE model = :model AND record = :record"
COVERAGE = "SELECT SUM(rows), SUM(labelled) FROM ml_ledger_records WHERE model = :model AND at <= :before"

# --- labels ------------------------------------------------------------------------------------------------------
GET_LABELS = "SELECT place, label, at FROM ml_ledger_labels WHERE model = :model AND record = :record AND place IN ({})"
SET_LABEL = """INSERT INTO ml_ledger_labels (model, record, place, label, at)
    VALUES (:model, :record, :place, :label, :at)
    ON CONFLICT (model, record, place) DO UPDATE SET label = excluded.label, at = excluded.at"""
ADD_LABELLED = """UPDATE ml_ledger_records SET labelled = labelled + :count
    WHERE model = :model AND record = :record"""
GET_EARLY = "SELECT id, label, at FROM ml_ledger_early WHERE model = :model AND id IN ({})"
SET_EARLY = """INSERT INTO ml_ledger_early (model, id, process, made_key, made_at, label, at)
    VALUES (:model, :id, :process, :made_key, :made_at, :label, :at)
    ON CONFLICT (model, id) DO UPDATE SET label = excluded.label, at = excluded.at"""
EARLY_OF_IDS = """SELECT e.id, e.process, e.made_key, e.made_at, e.label, e.at
    FROM ml_ledger_ids AS i JOIN ml_ledger_early AS e ON e.model = i.model AND e.id = i.id
    WHERE i.model = :model AND i.record >= :record"""
EARLY_OF_RECORD = """SELECT id, process, made_key, made_at, label, at FROM ml_ledger_early
    WHERE model = :model AND process = :process AND made_key BETWEEN :low AND :high
    AND made_at BETWEEN :since AND :until"""
DROP_EARLY = "DELETE FROM ml_ledger_early WHERE model = :model AND id = :id"
OLDEST_EARLY = "SELECT id FROM ml_ledger_early WHERE model = :model AND at < :before ORDER BY at LIMIT :limit"
