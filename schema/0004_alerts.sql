-- What alerting remembers (docs/alerts.md, "Windows" and "Delivery"), written in the transaction that commits the event.
-- Numbers below stand for names in their order: confidence (1 possible, 2 likely, 3 confirmed), stage (0 unknown,
-- 1 attempted, 2 established), severity (0 info, 1 low, 2 medium, 3 high), why (0 new, 1 risen, 2 again).

-- The latest window of each (client, authority, verdict). ids rise, so that the oldest windows can be forgotten.
CREATE TABLE alert_windows (
  id INTEGER PRIMARY KEY,
  client_ip TEXT NOT NULL,
  authority TEXT NOT NULL,
  verdict TEXT NOT NULL,
  since TEXT NOT NULL,
  until TEXT NOT NULL,
  count INTEGER NOT NULL,
  said INTEGER NOT NULL,
  confidence INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  UNIQUE (client_ip, authority, verdict)
) STRICT;

-- The events that have been counted, and how far they had risen: an update of one does not count again.
CREATE TABLE alert_seen (
  id INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL,
  verdict TEXT NOT NULL,
  confidence INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  UNIQUE (event_id, verdict)
) STRICT;

-- Where alerts go, by the name that has no secrets in it; what became of them since the database was made.
CREATE TABLE alert_exits (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  raised INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0,
  lost INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Alerts that have not gone out yet, one row per exit; no id is ever used twice.
CREATE TABLE alert_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  exit INTEGER NOT NULL REFERENCES alert_exits (id),
  severity INTEGER NOT NULL,
  why INTEGER NOT NULL,
  count INTEGER NOT NULL,
  raised_ns INTEGER NOT NULL,
  event TEXT NOT NULL
) STRICT;

CREATE INDEX alert_outbox_in_order ON alert_outbox (exit);
CREATE INDEX alert_outbox_by_severity ON alert_outbox (exit, severity);
