-- One row per connection and authority, columns named as the members of an event (docs/events.md). Objects and arrays
-- are JSON text, booleans 0 and 1, times RFC 3339 in UTC with microseconds, so that they sort as text.
-- CHECKs say OR where IN would be shorter: for IN, SQLite builds a temporary b-tree for each row that it writes.
CREATE TABLE events (
  schema_version INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'connection' OR kind = 'connector' OR kind = 'tool-change'),
  event_id TEXT NOT NULL PRIMARY KEY CHECK (length(event_id) = 32),
  sensor TEXT NOT NULL,
  first_seen TEXT NOT NULL CHECK (length(first_seen) = 27),
  last_seen TEXT NOT NULL CHECK (length(last_seen) = 27),
  verdict TEXT NOT NULL CHECK (verdict = 'approved' OR verdict = 'violation' OR verdict = 'unauthorized'),
  confidence TEXT NOT NULL CHECK (confidence = 'possible' OR confidence = 'likely' OR confidence = 'confirmed'),
  stage TEXT NOT NULL CHECK (stage = 'established' OR stage = 'attempted' OR stage = 'unknown'),
  severity TEXT NOT NULL CHECK (severity = 'high' OR severity = 'medium' OR severity = 'low' OR severity = 'info'),
  rule TEXT,
  reasons TEXT NOT NULL,
  findings TEXT NOT NULL,
  unverified TEXT NOT NULL,
  client_ip TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  server_ip TEXT NOT NULL,
  server_port INTEGER NOT NULL,
  l4 TEXT NOT NULL CHECK (l4 = 'tcp' OR l4 = 'udp'),
  direction TEXT NOT NULL CHECK (direction = 'outbound' OR direction = 'inbound' OR direction = 'internal' OR direction = 'external'),
  community_id TEXT NOT NULL,
  encapsulation TEXT NOT NULL,
  client_mac TEXT,
  transport TEXT CHECK (transport = 'streamable-http' OR transport = 'http+sse' OR transport = 'websocket' OR transport = 'tcp'),
  http_version TEXT CHECK (http_version = '1.0' OR http_version = '1.1' OR http_version = '2' OR http_version = 'h2c' OR http_version = '3'),
  encrypted INTEGER NOT NULL CHECK (encrypted = 0 OR encrypted = 1),
  decrypted INTEGER NOT NULL CHECK (decrypted = 0 OR decrypted = 1),
  tls_version TEXT,
  sni TEXT,
  alpn TEXT,
  ja4 TEXT,
  host TEXT,
  path TEXT,
  user_agent TEXT,
  protocol_version TEXT,
  protocol_version_requested TEXT,
  client_name TEXT,
  client_version TEXT,
  server_name TEXT,
  server_version TEXT,
  joined TEXT NOT NULL,
  session TEXT,
  auth TEXT CHECK (auth = 'none' OR auth = 'bearer' OR auth = 'basic' OR auth = 'apikey' OR auth = 'cookie' OR auth = 'query-token'),
  methods TEXT NOT NULL,
  server_methods TEXT NOT NULL,
  tools_called TEXT NOT NULL,
  requests INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  packets TEXT NOT NULL,
  bytes TEXT NOT NULL,
  payload_bytes TEXT NOT NULL,
  app_label TEXT,
  capture TEXT,
  first_frame INTEGER NOT NULL,
  signature_set TEXT
) STRICT;

CREATE INDEX events_by_first_seen ON events (first_seen, event_id);
CREATE INDEX events_by_last_seen ON events (last_seen);
CREATE INDEX events_by_verdict ON events (verdict, confidence, first_seen);
CREATE INDEX events_by_client ON events (client_ip, first_seen);
CREATE INDEX events_by_server ON events (server_ip, first_seen);
CREATE INDEX events_by_host ON events (host);
CREATE INDEX events_by_sni ON events (sni);

-- What somebody should look at, newest first, in columns that fit a terminal. Names come from strangers: json_quote()
-- spells control characters below U+0020 out, replace() those that start terminal commands in their one-character form
-- (CSI, OSC, DCS) and the one that reverses the reading direction. The columns of `events` itself are raw.
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

-- Which servers are spoken to, by how many clients, since when, and what the policy says of them.
CREATE VIEW inventory AS
WITH named AS (
  SELECT
    json_quote(coalesce(host, sni,
      iif(instr(server_ip, ':'), '[' || server_ip || ']', server_ip) || ':' || server_port)) AS server,
    client_ip, first_seen, last_seen, verdict, confidence
  FROM events
)
SELECT
  replace(replace(replace(replace(substr(server, 2, length(server) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS server,
  count(DISTINCT client_ip) AS clients,
  count(*) AS events,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  group_concat(DISTINCT verdict) AS verdicts,
  CASE max(CASE confidence WHEN 'confirmed' THEN 3 WHEN 'likely' THEN 2 ELSE 1 END)
    WHEN 3 THEN 'confirmed' WHEN 2 THEN 'likely' ELSE 'possible' END AS confidence
FROM named
GROUP BY server
ORDER BY events DESC, server;
