-- What the sensor says of itself, one row per interval: the JSON object of docs/events.md, "Health". `bytes` lets
-- retention add the rows up from the index alone.
CREATE TABLE health (
  time TEXT NOT NULL CHECK (length(time) = 27),
  sensor TEXT NOT NULL,
  counters TEXT NOT NULL,
  bytes INTEGER NOT NULL GENERATED ALWAYS AS (length(CAST(counters AS BLOB))) STORED
) STRICT;

CREATE INDEX health_by_time ON health (time, bytes);

-- The latest row of each sensor that wrote here, its main members in columns; NULL for what that version did not count.
CREATE VIEW health_latest AS
WITH latest AS (SELECT max(rowid) AS id FROM health GROUP BY sensor)
SELECT
  time, sensor,
  json_extract(counters, '$.uptime_seconds') AS uptime_seconds,
  json_extract(counters, '$.packets') AS packets,
  json_extract(counters, '$.kernel_drops') AS kernel_drops,
  json_extract(counters, '$.flows') AS flows,
  json_extract(counters, '$.memory_bytes') AS memory_bytes,
  json_extract(counters, '$.backlog.waiting') AS waiting,
  json_extract(counters, '$.backlog.spilled') AS spilled,
  json_extract(counters, '$.backlog.lost') AS lost,
  json_extract(counters, '$.events.unauthorized') AS unauthorized,
  json_extract(counters, '$.events.violation') AS violation,
  json_extract(counters, '$.events.approved') AS approved,
  json_extract(counters, '$.sensor_restarts') AS sensor_restarts,
  json_extract(counters, '$.database_bytes') AS database_bytes
FROM latest JOIN health ON health.rowid = latest.id
ORDER BY time DESC, sensor;
