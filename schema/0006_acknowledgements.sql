-- What somebody has looked at and does not want to be told of again before a certain time (docs/acknowledge.md). One row per event,
-- with what was acknowledged: an event that becomes worse than that is shown again. Where verdict is null nobody had seen the event
-- yet (--force), and all of it is covered.
CREATE TABLE acknowledgements (
  event_id TEXT PRIMARY KEY CHECK (length(event_id) = 32),
  until TEXT NOT NULL CHECK (length(until) = 27),
  "by" TEXT NOT NULL CHECK ("by" <> ''),
  why TEXT NOT NULL CHECK (why <> ''),
  at TEXT NOT NULL CHECK (length(at) = 27),
  verdict TEXT CHECK (verdict IN ('approved', 'violation', 'unauthorized')),
  confidence TEXT CHECK (confidence IN ('possible', 'likely', 'confirmed')),
  stage TEXT CHECK (stage IN ('established', 'attempted', 'unknown')),
  severity TEXT CHECK (severity IN ('high', 'medium', 'low', 'info')),
  findings TEXT
) STRICT, WITHOUT ROWID;

-- Who said what about which event, when and why. Rows are added, never changed: former_until is what a second acknowledgement, or
-- taking one back, put an end to. An event that is deleted for its age takes its acknowledgement along, not these rows.
CREATE TABLE acknowledgement_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('ack', 'change', 'unack')),
  event_id TEXT NOT NULL,
  until TEXT,
  former_until TEXT,
  "by" TEXT NOT NULL,
  why TEXT NOT NULL,
  verdict TEXT,
  confidence TEXT,
  stage TEXT,
  severity TEXT,
  findings TEXT
) STRICT;

CREATE TRIGGER acknowledgement_log_is_not_changed BEFORE UPDATE ON acknowledgement_log
BEGIN
  SELECT RAISE(ABORT, 'the log of acknowledgements is only added to');
END;

CREATE TRIGGER acknowledgement_log_is_not_deleted BEFORE DELETE ON acknowledgement_log
BEGIN
  SELECT RAISE(ABORT, 'the log of acknowledgements is only added to');
END;

CREATE TRIGGER acknowledgement_goes_with_its_event AFTER DELETE ON events
BEGIN
  DELETE FROM acknowledgements WHERE event_id = old.event_id;
END;

-- The acknowledgements that cover their event as it is now: it has become no worse, and its time is not over, neither by its own
-- packets nor today. The same rule as in src/recorder/store/store_ack_sql.h; instr() ranks a word by its place in a list.
CREATE VIEW acknowledged AS
SELECT a.event_id, a.until, a."by", a.why, a.at
FROM acknowledgements AS a JOIN events ON events.event_id = a.event_id
WHERE a.until > events.last_seen AND a.until > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') AND (
  a.verdict IS NULL OR (
    instr('approved violation unauthorized', events.verdict) <= instr('approved violation unauthorized', a.verdict)
    AND instr('possible likely confirmed', events.confidence) <= instr('possible likely confirmed', a.confidence)
    AND instr('info low medium high', events.severity) <= instr('info low medium high', a.severity)
    AND (events.stage <> 'established' OR a.stage = 'established')
    AND NOT EXISTS (SELECT 1 FROM json_each(events.findings) AS f
      WHERE f.value NOT IN (SELECT g.value FROM json_each(a.findings) AS g))));

-- As in 0001_events.sql, without what is acknowledged.
DROP VIEW unapproved;
CREATE VIEW unapproved AS
WITH said AS (
  SELECT
    first_seen, event_id, verdict, confidence, severity, client_ip,
    coalesce(host, sni, iif(instr(server_ip, ':'), '[' || server_ip || ']', server_ip) || ':' || server_port) AS server,
    path,
    (SELECT group_concat(key, ', ') FROM json_each(events.tools_called)) AS tools,
    (SELECT group_concat(json_extract(value, '$.detail'), '; ') FROM json_each(events.reasons)) AS reason
  FROM events
  WHERE verdict <> 'approved' AND confidence IN ('likely', 'confirmed')
    AND event_id NOT IN (SELECT held.event_id FROM acknowledged AS held)
), quoted AS (
  SELECT
    first_seen, event_id, verdict, confidence, severity, client_ip,
    json_quote(server) AS server,
    json_quote(coalesce(path, '')) AS path,
    json_quote(coalesce(tools, '')) AS tools,
    json_quote(coalesce(reason, '')) AS reason
  FROM said
)
SELECT
  first_seen AS time, verdict, confidence, severity, client_ip AS client,
  replace(replace(replace(replace(substr(server, 2, length(server) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS server,
  replace(replace(replace(replace(substr(path, 2, length(path) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS path,
  replace(replace(replace(replace(substr(tools, 2, length(tools) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS tools,
  replace(replace(replace(replace(substr(reason, 2, length(reason) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS reason,
  event_id
FROM quoted
ORDER BY first_seen DESC, event_id;
