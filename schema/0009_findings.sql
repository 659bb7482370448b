-- The views of events once more, with findings and tags at their end: ids of ours, so nothing in them needs spelling out.
DROP VIEW unapproved;
CREATE VIEW unapproved AS
WITH said AS (
  SELECT
    first_seen, event_id, verdict, confidence, severity, client_ip,
    coalesce(host, sni, iif(instr(server_ip, ':'), '[' || server_ip || ']', server_ip) || ':' || server_port) AS server,
    path,
    (SELECT group_concat(key, ', ') FROM json_each(events.tools_called)) AS tools,
    (SELECT group_concat(json_extract(value, '$.detail'), '; ') FROM json_each(events.reasons)) AS reason,
    (SELECT group_concat(value, ', ') FROM json_each(events.findings)) AS findings,
    (SELECT group_concat(value, ', ') FROM json_each(events.tags)) AS tags
  FROM events
  WHERE verdict <> 'approved' AND confidence IN ('likely', 'confirmed')
    AND event_id NOT IN (SELECT held.event_id FROM acknowledged AS held)
), quoted AS (
  SELECT
    first_seen, event_id, verdict, confidence, severity, client_ip,
    json_quote(server) AS server,
    json_quote(coalesce(path, '')) AS path,
    json_quote(coalesce(tools, '')) AS tools,
    json_quote(coalesce(reason, '')) AS reason,
    findings, tags
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
  event_id, findings, tags
FROM quoted
ORDER BY first_seen DESC, event_id;

DROP VIEW inventory;
CREATE VIEW inventory AS
WITH named AS (
  SELECT
    json_quote(coalesce(host, sni,
      iif(instr(server_ip, ':'), '[' || server_ip || ']', server_ip) || ':' || server_port)) AS name,
    client_ip, first_seen, last_seen, verdict, confidence, findings, tags
  FROM events
), found AS (
  SELECT name, group_concat(DISTINCT value) AS findings FROM named, json_each(named.findings) GROUP BY name
), tagged AS (
  SELECT name, group_concat(DISTINCT value) AS tags FROM named, json_each(named.tags) GROUP BY name
)
SELECT
  replace(replace(replace(replace(substr(named.name, 2, length(named.name) - 2),
    char(155), '\u009b'), char(157), '\u009d'), char(144), '\u0090'), char(8238), '\u202e') AS server,
  count(DISTINCT client_ip) AS clients,
  count(*) AS events,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  group_concat(DISTINCT verdict) AS verdicts,
  CASE max(CASE confidence WHEN 'confirmed' THEN 3 WHEN 'likely' THEN 2 ELSE 1 END)
    WHEN 3 THEN 'confirmed' WHEN 2 THEN 'likely' ELSE 'possible' END AS confidence,
  found.findings AS findings, tagged.tags AS tags
FROM named LEFT JOIN found ON found.name = named.name LEFT JOIN tagged ON tagged.name = named.name
GROUP BY named.name
ORDER BY events DESC, server;
