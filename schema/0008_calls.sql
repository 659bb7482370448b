-- The audit log (docs/audit.md): a row for each request of MCP that was seen where --audit asked for it, with what became of it. Neither
-- arguments nor results, and no ids of JSON-RPC. event_id is that of its connection's row in `events`, which may be deleted earlier or later;
-- ordinal counts the requests of that connection, so that the same packets give the same rows. direction: who was asked. duration_us: from the
-- last byte of the request to the last byte of the answer, by packet time; null where there was no answer, or the packets are out of order.
CREATE TABLE calls (
	event_id TEXT NOT NULL CHECK (length(event_id) = 32),
	ordinal INTEGER NOT NULL,
	time TEXT NOT NULL CHECK (length(time) = 27),
	frame INTEGER NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to-server', 'to-client')),
	client_ip TEXT NOT NULL,
	client_name TEXT,
	host TEXT,
	server_ip TEXT NOT NULL,
	server_port INTEGER NOT NULL,
	server_name TEXT,
	method TEXT NOT NULL,
	name TEXT,
	outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'error', 'tool-error', 'input-required', 'task', 'http-status', 'cancelled', 'no-answer',
		'not-seen')),
	code INTEGER,
	http_status INTEGER,
	duration_us INTEGER,
	request_bytes INTEGER NOT NULL,
	answer_bytes INTEGER,
	remark TEXT CHECK (remark IN ('id-reused', 'id-differs', 'answer-first', 'too-many')),
	PRIMARY KEY (event_id, ordinal)
) STRICT;
CREATE INDEX calls_time ON calls (time);
